"""A comparison of two models on recorded products: no traffic, and every label is there already.

Every disagreement is drawn, and what the product was labelled counts as what people found.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml.domain.comparisons import ClassTally, Cohort, ScoredAnswer, ShadowTally
from ml.rollout.cohorts import strata_of

LABEL_PROBABILITY = 1.0

Pair = tuple[ScoredAnswer, ScoredAnswer]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Candidate's and baseline's answers to n products, and what each was labelled, [n] each."""

    experiment: str
    candidate: Sequence[ScoredAnswer]
    baseline: Sequence[ScoredAnswer]
    categories: Sequence[str]

    def cohorts(self, *, draws: int, max_labels: int, at: datetime) -> list[Cohort]:
        """Cohorts of `draws` disagreements each; the last one holds the rest.

        Positions count the products from 1. Those after `max_labels` disagreements are left out.
        """
        differing = [i for i, pair in enumerate(self._pairs()) if _differs(pair)]
        drawn = differing[:max_labels]
        last = drawn[-1] + 1 if len(drawn) < len(differing) else len(self.categories)
        ends = [i + 1 for i in drawn[draws - 1 :: draws]]
        if not ends or ends[-1] < last:
            ends.append(last)
        return [
            self._cohort(number, start, end, drawn, at)
            for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False), start=1)
        ]

    def tally(self, *, until: int, confidence_threshold: float, slow_ms: float) -> ShadowTally:
        """What the answers to the first `until` products add up to."""
        pairs = list(self._pairs())[:until]
        failed = _only(pairs, lambda answer: answer.category is None)
        unsure = _only(pairs, lambda answer: answer.confidence < confidence_threshold)
        candidates, baselines = ([pair[side].milliseconds for pair in pairs] for side in (0, 1))
        return ShadowTally(
            len(pairs),
            *failed,
            *unsure,
            *_timed(candidates, slow_ms),
            *_timed(baselines, slow_ms),
            classes=_classes(pairs),
        )

    def _pairs(self) -> Iterator[Pair]:
        return zip(self.candidate, self.baseline, strict=True)

    def _cohort(
        self, number: int, start: int, end: int, drawn: Sequence[int], at: datetime
    ) -> Cohort:
        members = [i for i in drawn if start <= i < end]
        rows = [
            {
                "candidate_category": self.candidate[i].category,
                "baseline_category": self.baseline[i].category,
                "candidate_confidence": self.candidate[i].confidence,
                "baseline_confidence": self.baseline[i].confidence,
            }
            for i in members
        ]
        return Cohort(
            experiment=self.experiment,
            number=number,
            last_position=end,
            closed_at=at,
            products=end - start,
            disagreements=len(members),
            strata=strata_of(rows, [self.categories[i] for i in members]),
        )


def _differs(pair: Pair) -> bool:
    return pair[0].category != pair[1].category


def _only(pairs: Sequence[Pair], so: Callable[[ScoredAnswer], bool]) -> tuple[int, int]:
    """Products of which the candidate's answer is so and the baseline's is not; the reverse."""
    sides = Counter((so(candidate), so(baseline)) for candidate, baseline in pairs)
    return sides[True, False], sides[False, True]


def _timed(milliseconds: Sequence[float | None], slow_ms: float) -> tuple[int, int]:
    timed = [each for each in milliseconds if each is not None]
    return len(timed), sum(each > slow_ms for each in timed)


def _classes(pairs: Sequence[Pair]) -> dict[str, ClassTally]:
    candidates, baselines = (Counter(pair[side].category for pair in pairs) for side in (0, 1))
    both = Counter(pair[0].category for pair in pairs if not _differs(pair))
    return {
        name: ClassTally(both[name], candidates[name] - both[name], baselines[name] - both[name])
        for name in candidates | baselines
        if name is not None
    }
