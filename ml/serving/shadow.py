"""Shadow scoring: what a comparison's other model says of products that were answered already.

Answers come first. Products wait in a bounded queue for one background thread; when there is no
room new ones are left out, whatever they are, so what is left out says nothing of either model.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.ports import PredictionCache
from ml.rollout.selection import toss_disagreement
from ml.rollout.traffic import is_compared
from ml.serving.answered import Answered
from ml.serving.metrics import Metrics
from ml.serving.readings import Reading, read_through
from ml.serving.served import ServedComparison, ServedRollout
from ml.serving.spool import Spool

_log = logging.getLogger(__name__)

# Answers wait for the interpreter while a batch is read, so it is a small one. A lower priority of
# the thread would make that worse: on a busy machine it holds the interpreter and gets no turn.
_BATCH_PRODUCTS = 2
_MOST_PICTURE_BYTES = 64 * 2**20
_STOP_SECONDS = 4.0


@dataclass(frozen=True, eq=False)
class _Work:
    """An answered product that waits for the other model of its comparison."""

    comparison: ServedComparison
    answered: Answered

    @property
    def picture_bytes(self) -> int:
        return len(self.answered.item.picture or b"")


class ShadowScorer:
    """Scores answered products in the background; nothing that happens here reaches an answer."""

    def __init__(
        self,
        current: Callable[[], ServedRollout | None],
        cache: PredictionCache,
        spool: Spool,
        metrics: Metrics,
        *,
        queue_products: int,
    ) -> None:
        self._current = current
        self._cache = cache
        self._spool = spool
        self._metrics = metrics
        self._queue_products = queue_products
        self._queue: deque[_Work] = deque()
        self._picture_bytes = 0
        self._news = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="shadow-scorer", daemon=True)

    def start(self) -> None:
        """Begin scoring in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch under way; what waits is dropped."""
        with self._news:
            self._stopping = True
            dropped = len(self._queue)
            self._queue.clear()
            self._news.notify()
        self._metrics.shadow("dropped", dropped)
        self._thread.join(_STOP_SECONDS)

    def offer(self, served: ServedRollout, answered: Sequence[Answered]) -> None:
        """Queue those products that both models score; never waits, never raises."""
        comparison = served.comparison
        if comparison is None:
            return
        try:
            chosen = [
                _Work(comparison, each)
                for each in answered
                if is_compared(each.item.product.product_id, comparison.terms)
            ]
            kept = self._queued(chosen)
        except Exception:
            # The products are answered and logged: no fault here may undo that.
            _log.exception("products can't be queued for shadow scoring")
            self._metrics.shadow("failed", len(answered))
        else:
            self._metrics.shadow("queued" if kept else "dropped", len(chosen))

    def _queued(self, work: Sequence[_Work]) -> bool:
        """Queue all or none of what was answered at once.

        Whether there is room is asked before, of the queue alone: how large a product, or how long
        a batch, or what is last in it, decides nothing.
        """
        with self._news:
            if (
                self._stopping
                or len(self._queue) >= self._queue_products
                or self._picture_bytes >= _MOST_PICTURE_BYTES
            ):
                return False
            self._queue.extend(work)
            self._picture_bytes += sum(each.picture_bytes for each in work)
            self._news.notify()
            return True

    def _run(self) -> None:
        while batch := self._taken():
            try:
                self.score(batch)
            except Exception:
                _log.exception("%s products can't be shadow-scored", len(batch))
                self._metrics.shadow("failed", len(batch))

    def _taken(self) -> list[_Work]:
        """The next few products, as soon as there are any; none at the end."""
        with self._news:
            self._news.wait_for(lambda: self._queue or self._stopping)
            count = min(len(self._queue), _BATCH_PRODUCTS)
            taken = [self._queue.popleft() for _ in range(count)]
            self._picture_bytes -= sum(each.picture_bytes for each in taken)
            return taken

    def score(self, work: Sequence[_Work]) -> None:
        """Score what still matters, and spool the scores."""
        served = self._current()
        going_on = served.comparison.terms.experiment if served and served.comparison else None
        useful = [each for each in work if each.comparison.terms.experiment == going_on]
        self._metrics.shadow("dropped", len(work) - len(useful))
        scores = [_score(*each) for each in zip(useful, self._readings(useful), strict=True)]
        self._spool.append(scores, {})
        self._metrics.shadow("scored", len(scores))
        for selection in filter(None, (score.selection for score in scores)):
            self._metrics.selected(selection.reason)

    def _readings(self, work: Sequence[_Work]) -> list[Reading | None]:
        """What the other models make of products; None where one finds nothing, or breaks.

        Such a product must not vanish: a model would look the better for it.
        """
        others = [each.comparison.other_for(each.answered.model) for each in work]
        reads = read_through(self._cache, others, [each.answered.item for each in work])
        self._metrics.shadow("failed", sum(read.fault is not None for read in reads))
        return [read.reading for read in reads]


def _score(work: _Work, reading: Reading | None) -> ShadowScore:
    answered, terms = work.answered, work.comparison.terms
    prediction = answered.prediction
    ours = ScoredAnswer(prediction.category, prediction.confidence, answered.milliseconds)
    theirs = _answer(work, reading)
    answers = (ours, theirs) if answered.model is work.comparison.candidate else (theirs, ours)
    differs = ours.category != theirs.category
    return ShadowScore(
        terms.experiment,
        prediction.prediction_id,
        prediction.product,
        prediction.predicted_at,  # a replay's clock, as its labels and judges know it
        *answers,
        terms.label_probability,
        toss_disagreement(prediction, terms, answered.policy) if differs else None,
    )


def _answer(work: _Work, reading: Reading | None) -> ScoredAnswer:
    """The other model's; its time is left out, since in the background that may be any."""
    if reading is None:
        return ScoredAnswer(None, 0.0)
    classes = work.comparison.other_for(work.answered.model).bundle.label_space.classes
    probabilities = reading.distribution()
    best = int(probabilities.argmax())
    return ScoredAnswer(classes[best], float(probabilities[best]))
