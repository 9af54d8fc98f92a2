"""From the spool to PostgreSQL: a thread that stores answers tens of milliseconds later."""

import logging
import threading
import time
from collections.abc import Sequence

from ml.domain.digests import digest_bytes
from ml.domain.errors import RegainError, ServiceUnavailable
from ml.domain.ports import ObjectStore, PredictionLog
from ml.domain.predictions import Prediction
from ml.domain.products import picture_key
from ml.serving.metrics import Metrics
from ml.serving.records import decode, encode
from ml.serving.segments import Segment
from ml.serving.spool import Spool

_log = logging.getLogger(__name__)

_BATCH_ROWS = 500
_GATHER_SECONDS = 0.02
_SWEEP_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 1.0
_FORGOTTEN_SECONDS = 3_600.0
_STOP_SECONDS = 4.0


class Drainer:
    """Moves rows of one worker's spool, and of dead workers', to the prediction log."""

    def __init__(
        self, spool: Spool, predictions: PredictionLog, objects: ObjectStore, metrics: Metrics
    ) -> None:
        self._spool = spool
        self._predictions = predictions
        self._objects = objects
        self._metrics = metrics
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)
        self._reachable = True
        self._failing: set[Segment] = set()

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
            self._put_forgotten_pictures()
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
        predictions = [prediction for line in lines if (prediction := self._decode(line))]
        for start in range(0, len(predictions), _BATCH_ROWS):
            self._store(predictions[start : start + _BATCH_ROWS])
        self._spool.discard(segment)
        self._metrics.spooled("torn", int(torn))

    def _decode(self, line: bytes) -> Prediction | None:
        try:
            return decode(line)
        except RegainError as error:
            self._reject(line, error)
            return None

    def _store(self, predictions: Sequence[Prediction]) -> None:
        """Store a batch; when a row is refused, halve until it alone is set aside."""
        self._put_pictures(predictions)
        try:
            stored = self._predictions.append(predictions)
        except ServiceUnavailable:
            raise
        except RegainError as error:
            if len(predictions) == 1:
                self._reject(encode(predictions[0]), error)
                return
            middle = len(predictions) // 2
            self._store(predictions[:middle])
            self._store(predictions[middle:])
        else:
            self._metrics.spooled("stored", stored)

    def _reject(self, line: bytes, error: RegainError) -> None:
        _log.error("a prediction is set aside in %s/rejected: %s", self._spool.folder, error)
        self._spool.set_aside(line, str(error))
        self._metrics.spooled("rejected", 1)

    def _put_pictures(self, predictions: Sequence[Prediction]) -> None:
        """Pictures reach the object store before the rows that name them."""
        for digest in {each.product.picture for each in predictions if each.product.picture}:
            self._put_picture(digest)

    def _put_picture(self, digest: str) -> None:
        path = self._spool.picture_path(digest)
        try:
            picture = path.read_bytes()
        except FileNotFoundError:
            return  # it is in the object store: a copy is removed only after that
        if digest_bytes(picture) != digest:
            _log.error("a picture torn by a power cut is removed, its rows are kept: %s", digest)
        elif not self._objects.exists(picture_key(digest)):
            self._objects.put(picture_key(digest), picture)
        path.unlink(missing_ok=True)

    def _put_forgotten_pictures(self) -> None:
        """Pictures whose row never came, because their worker died between the two."""
        for path in self._spool.pictures():
            if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                self._put_picture(path.name)
