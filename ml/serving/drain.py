"""From the spool to PostgreSQL: a thread that stores answers tens of milliseconds later.

Shadow scores follow their predictions. A dead worker's files may be adopted in any order and by
several others, so a score that comes too early waits.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ml.domain.comparisons import ShadowScore
from ml.domain.errors import NotFound, RegainError, ServiceUnavailable
from ml.domain.ports import ObjectStore, PredictionLog, ShadowLog
from ml.domain.predictions import Prediction
from ml.serving.metrics import Metrics
from ml.serving.records import Record, decode, encode
from ml.serving.segments import Segment
from ml.serving.spool import Spool
from ml.serving.spooled_pictures import SpooledPictures

_log = logging.getLogger(__name__)

_BATCH_ROWS = 500
_GATHER_SECONDS = 0.02
_SWEEP_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 3_600.0
_STOP_SECONDS = 4.0

R = TypeVar("R", bound=Record)


class Drainer:
    """Moves rows of one worker's spool, and of dead workers', to the logs."""

    def __init__(
        self,
        spool: Spool,
        predictions: PredictionLog,
        shadows: ShadowLog,
        objects: ObjectStore,
        metrics: Metrics,
    ) -> None:
        self._spool = spool
        self._predictions = predictions
        self._shadows = shadows
        self._pictures = SpooledPictures(spool, objects)
        self._metrics = metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)
        self._reachable = True
        self._failing: set[Segment] = set()
        self._early: dict[Segment, float] = {}  # since when scores in it wait, monotonic seconds

    def start(self) -> None:
        """Begin storing in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the pass under way, try one more, and let the spool go.

        A pass that hangs keeps the spool: the end of the process lets it go.
        """
        self._stopping.set()
        self._spool.news.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._spool.close()

    def _run(self) -> None:
        next_sweep = 0.0
        pause = _GATHER_SECONDS
        while not self._stopping.is_set():
            if time.monotonic() >= next_sweep:
                self._sweep()
                next_sweep = time.monotonic() + _SWEEP_SECONDS
            done = self.drain()
            pause = _GATHER_SECONDS if done else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._rest(pause, until=next_sweep if done else None)
        self.drain()

    def _rest(self, pause: float, *, until: float | None) -> None:
        """Wait for news, then a moment more so that a batch gathers; after a failure, just wait."""
        if until is not None:
            self._spool.news.wait(max(0.0, until - time.monotonic()))
            self._spool.news.clear()
        self._stopping.wait(pause)

    def _sweep(self) -> None:
        """Take over what dead workers left behind, and give failed segments another chance."""
        self._failing.clear()
        try:
            self._spool.adopt_orphans()
            self._pictures.put_forgotten()
        except (OSError, ServiceUnavailable) as error:
            _log.warning("the spool's sweep is put off: %s", error)

    def drain(self) -> bool:
        """Store all that can be; False when PostgreSQL or the object store is away.

        While they are away segments are not closed: the backlog stays a few large files.
        """
        if self._reachable:
            self._spool.seal()
        self._reachable = self._drain_segments()
        self._metrics.backlog(*self._spool.backlog())
        return self._reachable

    def _drain_segments(self) -> bool:
        for segment in self._spool.waiting():
            if segment in self._failing:
                continue
            try:
                self._drain_segment(segment)
            except ServiceUnavailable as error:
                if self._reachable:
                    _log.warning("predictions wait on disk: %s", error)
                self._metrics.spool_failures.inc()
                return False
            except Exception:
                # Nothing is known of this fault: keep the rows, let the others pass, try again.
                _log.exception("predictions in %s can't be stored yet", segment.path)
                self._metrics.spool_failures.inc()
                self._failing.add(segment)
        return True

    def _drain_segment(self, segment: Segment) -> None:
        lines, torn = segment.read()
        records = [record for line in lines if (record := self._decode(line))]
        predictions = [record for record in records if isinstance(record, Prediction)]
        scores = [record for record in records if isinstance(record, ShadowScore)]
        for start in range(0, len(predictions), _BATCH_ROWS):
            self._store_predictions(predictions[start : start + _BATCH_ROWS])
        early = [
            score
            for start in range(0, len(scores), _BATCH_ROWS)
            for score in self._store_scores(scores[start : start + _BATCH_ROWS])
        ]
        if early and self._has_patience(segment):
            self._failing.add(segment)  # its predictions may come from another file
            return
        for score in early:
            self._reject(score, NotFound(f"prediction {score.prediction_id!r} never came"))
        self._early.pop(segment, None)
        self._spool.discard(segment)
        self._metrics.spooled("torn", int(torn))

    def _has_patience(self, segment: Segment) -> bool:
        """Whether to wait on for the predictions that a segment's scores belong to."""
        first = self._early.setdefault(segment, time.monotonic())
        return time.monotonic() - first < _PATIENCE_SECONDS

    def _decode(self, line: bytes) -> Record | None:
        try:
            return decode(line)
        except RegainError as error:
            self._set_aside(line, error)
            return None

    def _store_predictions(self, predictions: Sequence[Prediction]) -> None:
        self._pictures.put(predictions)
        for refused, error in self._store(predictions, self._predictions.append):
            self._reject(refused, error)

    def _store_scores(self, scores: Sequence[ShadowScore]) -> list[ShadowScore]:
        """Returns those whose prediction is not stored yet."""
        early = []
        for score, error in self._store(scores, self._shadows.append):
            if isinstance(error, NotFound):
                early.append(score)
            else:
                self._reject(score, error)
        return early

    def _store(
        self, records: Sequence[R], append: Callable[[Sequence[R]], int]
    ) -> list[tuple[R, RegainError]]:
        """Store a batch; when it is refused, halve until only those are left that are at fault."""
        try:
            stored = append(records)
        except ServiceUnavailable:
            raise
        except RegainError as error:
            if len(records) == 1:
                return [(records[0], error)]
            middle = len(records) // 2
            return [
                *self._store(records[:middle], append),
                *self._store(records[middle:], append),
            ]
        self._metrics.spooled("stored", stored)
        return []

    def _reject(self, record: Record, error: RegainError) -> None:
        self._set_aside(encode(record), error)

    def _set_aside(self, line: bytes, error: RegainError) -> None:
        _log.error("a spooled row is set aside in %s/rejected: %s", self._spool.folder, error)
        self._spool.set_aside(line, str(error))
        self._metrics.spooled("rejected", 1)
