"""The shadow log in memory."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from ml.adapters.postgres.checks import checked_row, checked_text, checked_time
from ml.domain.comparisons import ClassTally, Cohort, ScoredAnswer, ShadowScore, ShadowTally
from ml.domain.errors import Conflict, InvalidInput, NotFound
from ml.domain.labels import Label
from ml.domain.ports import DRAWN_SCHEMA
from tests.fakes.database import InMemoryDatabase
from tests.fakes.reviews import reviews_of


class InMemoryShadowLog:
    """Feeds on the prediction log and the label store that share its database."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def append(self, scores: Sequence[ShadowScore]) -> int:
        database = self._database
        with database.transaction():
            new: dict[tuple[str, str, str], ShadowScore] = {}
            for score in scores:
                _check(score)
                if _key(score) not in database.shadow_scores:
                    new.setdefault(_key(score), score)
            for score in new.values():
                if score.prediction_id not in database.predictions:
                    raise NotFound(f"prediction {score.prediction_id!r} is not present")
            database.shadow_scores.update(new)
            for score in new.values():
                if score.selection is not None:
                    database.select(score.selection, score.product, at=score.scored_at)
            return len(new)

    def get(self, prediction_id: str) -> ShadowScore | None:
        with self._database.transaction():
            checked_text("prediction_id", prediction_id)
            scores = self._database.shadow_scores.values()
            return next((each for each in scores if each.prediction_id == prediction_id), None)

    def drawn(self, experiment: str, *, after: int, as_of: datetime) -> pa.Table:
        checked_time("as_of", as_of)
        with self._database.transaction():
            reviews = reviews_of(self._database)
            rows = []
            for position, score in self._past(experiment, after):
                if score.selection is not None:
                    revision = (score.product.product_id, score.product.digest)
                    labels = [
                        label
                        for label in reviews.get(revision, ())
                        if score.scored_at <= label.labelled_at <= as_of
                    ]
                    rows.append(_drawn(position, score, labels))
        return pa.Table.from_pylist(rows, schema=DRAWN_SCHEMA)

    def reach(self, experiment: str, *, after: int, hours: float) -> int | None:
        reached, first = None, None
        for position, score in self._past(experiment, after):
            first = first or score.scored_at
            if score.scored_at - first > timedelta(hours=hours):
                break
            reached = position
        return reached

    def opened(self, experiment: str, *, after: int) -> datetime | None:
        return next((score.scored_at for _, score in self._past(experiment, after)), None)

    def counts(self, experiment: str, *, after: int, until: int) -> tuple[int, int]:
        scores = [score for at, score in self._past(experiment, after) if at <= until]
        return len(scores), sum(score.differs for score in scores)

    def tally(
        self, experiment: str, *, confidence_threshold: float, slow_ms: float, as_of: datetime
    ) -> ShadowTally:
        checked_time("as_of", as_of)
        scores = [score for _, score in self._past(experiment, 0) if score.scored_at <= as_of]
        failed = _only(scores, lambda answer: answer.category is None)
        unsure = _only(scores, lambda answer: answer.confidence < confidence_threshold)
        candidates = [each.candidate.milliseconds for each in scores]
        baselines = [each.baseline.milliseconds for each in scores]
        return ShadowTally(
            len(scores),
            *failed,
            *unsure,
            *_timed(candidates, slow_ms),
            *_timed(baselines, slow_ms),
            classes=_classes(scores),
        )

    def close(self, cohort: Cohort) -> bool:
        with self._database.transaction():
            checked_row(vars(cohort))
            taken = len(self.cohorts(cohort.experiment))
            if cohort.number <= taken:
                return False
            if cohort.number > taken + 1:
                raise Conflict(f"cohort {cohort.number - 1} of {cohort.experiment} is not closed")
            self._database.cohorts[cohort.experiment, cohort.number] = cohort
            return True

    def cohorts(self, experiment: str) -> list[Cohort]:
        with self._database.transaction():
            checked_text("experiment", experiment)
            cohorts = self._database.cohorts.values()
            return [each for each in cohorts if each.experiment == experiment]

    def _past(self, experiment: str, after: int) -> list[tuple[int, ShadowScore]]:
        """Scores with their positions, the first of which is 1."""
        checked_text("experiment", experiment)
        with self._database.transaction():
            numbered = enumerate(self._database.shadow_scores.values(), start=1)
            return [
                (position, score)
                for position, score in numbered
                if score.experiment == experiment and position > after
            ]


def _check(score: ShadowScore) -> None:
    for each in (score, score.candidate, score.baseline):
        checked_row(vars(each))
    if not 0 < score.label_probability <= 1:
        raise InvalidInput(f"label_probability is {score.label_probability}, not in (0, 1]")
    if score.selection is not None and not score.differs:
        raise InvalidInput(f"prediction {score.prediction_id!r} is drawn, but both models agree")


def _key(score: ShadowScore) -> tuple[str, str, str]:
    return score.experiment, score.product.product_id, score.product.digest


def _drawn(position: int, score: ShadowScore, labels: Sequence[Label]) -> dict[str, object]:
    assert score.selection is not None
    return {
        "position": position,
        "prediction_id": score.prediction_id,
        "scored_at": score.scored_at,
        "candidate_category": score.candidate.category,
        "baseline_category": score.baseline.category,
        "candidate_confidence": score.candidate.confidence,
        "baseline_confidence": score.baseline.confidence,
        "reviews": score.selection.reviews,
        "labels": [
            {
                "label_id": label.label_id,
                "reviewer": label.reviewer,
                "category": label.category,
                "labelled_at": label.labelled_at,
            }
            for label in labels
        ],
    }


def _only(scores: Sequence[ShadowScore], so: Callable[[ScoredAnswer], bool]) -> tuple[int, int]:
    """Products of which the candidate's answer is so and the baseline's is not; the reverse."""
    pairs = Counter((so(score.candidate), so(score.baseline)) for score in scores)
    return pairs[True, False], pairs[False, True]


def _timed(milliseconds: Sequence[float | None], slow_ms: float) -> tuple[int, int]:
    timed = [each for each in milliseconds if each is not None]
    return len(timed), sum(each > slow_ms for each in timed)


def _classes(scores: Sequence[ShadowScore]) -> dict[str, ClassTally]:
    candidates = Counter(score.candidate.category for score in scores)
    baselines = Counter(score.baseline.category for score in scores)
    both = Counter(score.candidate.category for score in scores if not score.differs)
    return {
        name: ClassTally(both[name], candidates[name] - both[name], baselines[name] - both[name])
        for name in candidates | baselines
        if name is not None
    }
