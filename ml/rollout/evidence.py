"""What closed cohorts say of the accuracy of the candidate minus that of the baseline.

The difference over all products that both models scored is a mean: exactly 0 where they agree, -1,
0 or 1 where they do not. Of the disagreements a known share q was put before people, blind to
everything, so a labelled outcome d stands for d / q and everything else for 0. The bets are placed
on every scored product, those that agree included: how rare disagreements are is then part of the
evidence, and nothing has to be assumed or estimated about it.

Labels that never came are missing at random given how hard the products are: in each stratum of a
cohort those that came speak for those that did not, by weights that count labels and look at no
outcome. Such a bet grows no faster than one on all the labels would, since (1 + w * x) ** (1 / w)
falls with the weight w >= 1; and what comes of one cohort depends on no other one's share of
missing labels. `Estimate` shows beside it how far the missing ones could move the figure at worst.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.domain.comparisons import Cohort, Stratum
from ml.stats.sequential import BetPrior, beta_prior, log_e_value, mixed

FloatArray = NDArray[np.float64]

# A candidate that is worse shows large differences or none that matter, and so does one that is
# better; one that is as good shows itself by many small ones, for which most of the capital waits
# where a margin of a point pays best. Spread so, both ends are found about as fast as can be.
WORSE = beta_prior(1, 3)
NOT_WORSE = mixed((0.25, beta_prior(1, 3)), (0.75, beta_prior(4, 60)))

SILENT = 20  # drawn products of a stratum without one label: then it is never labelled
_STEPS = 60  # halvings: a bound is exact to the last bit that matters


@dataclass(frozen=True)
class Estimate:
    """The candidate's accuracy minus the baseline's over all scored products.

    `lowest` and `highest` are where `difference` would lie had every missing label been against the
    candidate, or for it.
    """

    difference: float
    lowest: float
    highest: float
    disagreement: float
    products: int
    drawn: int
    wins: int
    ties: int
    losses: int

    @property
    def labels(self) -> int:
        return self.wins + self.ties + self.losses


@dataclass(frozen=True, eq=False)
class Evidence:
    """Outcomes of scored products, [V] each, and how often each came.

    An outcome is of a labelled disagreement, by its weight, or 0. `scales` are the largest weights
    beside it; `probability` is q, that of a disagreement being labelled.
    """

    outcomes: FloatArray
    scales: FloatArray
    counts: FloatArray
    probability: float

    def log_e_above(self, difference: float, prior: BetPrior = NOT_WORSE) -> float:
        """Evidence against "the difference is `difference` or less"."""
        return float(log_e_value(self.stakes(difference), self.counts, prior))

    def log_e_below(self, difference: float, prior: BetPrior = WORSE) -> float:
        """Evidence against "the difference is `difference` or more"."""
        return float(log_e_value(-self.stakes(difference), self.counts, prior))

    def bounds(self, *, alpha: float) -> tuple[float, float]:
        """A confidence sequence: with chance 1 - alpha it holds the difference at all times.

        Each end errs with at most alpha / 2, so the upper one is under 0 exactly when
        `log_e_below(0)` rejects at that level.
        """
        limit = np.log(2.0 / alpha)
        lower = _last(lambda at: self.log_e_above(at) >= limit, start=-1.0, end=1.0)
        upper = _last(lambda at: self.log_e_below(at) >= limit, start=1.0, end=-1.0)
        return lower, upper

    def stakes(self, difference: float) -> FloatArray:
        """Outcomes as fair bets on "more than `difference`" pay them, each at least -1."""
        offset = difference * self.probability
        return (self.outcomes - offset) / (self.scales + abs(offset))


class _Group(NamedTuple):
    outcome: float
    scale: float
    times: int


def evidence_of(cohorts: Sequence[Cohort], *, probability: float) -> Evidence:
    """The evidence of closed cohorts, in their order."""
    groups = list(_groups(cohorts)) or [_Group(0.0, 1.0, 0)]
    outcomes, scales, counts = np.array(groups, dtype=float).T
    return Evidence(outcomes, scales, counts, probability)


def _groups(cohorts: Iterable[Cohort]) -> Iterator[_Group]:
    """Cohorts wait for the next one while a stratum that was drawn from has no label.

    Were they left out, or were the other strata to speak for it, those that count would be richer
    in products on which the models agree, or in easy ones.
    """
    waiting: list[Stratum] = []
    products = 0
    for cohort in cohorts:
        waiting = _added(waiting, cohort.strata)
        products += cohort.products
        if not _waits(waiting):
            yield from _outcomes(products, waiting)
            waiting, products = [], 0


def _waits(strata: Sequence[Stratum]) -> bool:
    silent = [stratum.drawn for stratum in strata if stratum.drawn and not stratum.labelled]
    some = any(stratum.labelled for stratum in strata)
    return bool(silent) and (min(silent) < SILENT or not some)


def _outcomes(products: int, strata: Sequence[Stratum]) -> Iterator[_Group]:
    weights = _weights(strata)
    scale = max([1.0, *weights])
    for stratum, weight in zip(strata, weights, strict=True):
        yield _Group(weight, scale, stratum.wins)
        yield _Group(-weight, scale, stratum.losses)
    decided = sum(stratum.wins + stratum.losses for stratum in strata)
    yield _Group(0.0, scale, products - decided)


def _weights(strata: Sequence[Stratum]) -> list[float]:
    """How many drawn products a labelled one speaks for; without any, strata share one weight."""
    if any(stratum.drawn and not stratum.labelled for stratum in strata):
        drawn, labelled = (sum(getattr(s, name) for s in strata) for name in ("drawn", "labelled"))
        return [drawn / max(labelled, 1)] * len(strata)
    return [stratum.drawn / max(stratum.labelled, 1) for stratum in strata]


def estimate_of(cohorts: Sequence[Cohort]) -> Estimate:
    """The difference that closed cohorts show; 0 without any."""
    strata = _strata(cohorts)
    products = sum(cohort.products for cohort in cohorts)
    disagreements = sum(cohort.disagreements for cohort in cohorts)
    rate = disagreements / products if products else 0.0
    drawn = sum(stratum.drawn for stratum in strata)
    missing = sum(stratum.drawn - stratum.labelled for stratum in strata)
    won, tied, lost = (sum(getattr(s, name) for s in strata) for name in ("wins", "ties", "losses"))
    weighted = zip(strata, _weights(strata), strict=True)
    mean = sum(weight * (each.wins - each.losses) for each, weight in weighted) / max(drawn, 1)
    return Estimate(
        difference=rate * mean,
        lowest=rate * (won - lost - missing) / max(drawn, 1),
        highest=rate * (won - lost + missing) / max(drawn, 1),
        disagreement=rate,
        products=products,
        drawn=drawn,
        wins=won,
        ties=tied,
        losses=lost,
    )


def _strata(cohorts: Iterable[Cohort]) -> list[Stratum]:
    total: list[Stratum] = []
    for cohort in cohorts:
        total = _added(total, cohort.strata)
    return total


def _added(total: Sequence[Stratum], more: Sequence[Stratum]) -> list[Stratum]:
    if not total:
        return list(more)
    return [
        Stratum(
            one.drawn + other.drawn,
            one.wins + other.wins,
            one.ties + other.ties,
            one.losses + other.losses,
        )
        for one, other in zip(total, more, strict=True)
    ]


def _last(rejected: Callable[[float], bool], *, start: float, end: float) -> float:
    """From `start` towards `end`, the last difference that is rejected; `start` when none is."""
    if not rejected(start):
        return start
    for _ in range(_STEPS):
        middle = (start + end) / 2.0
        start, end = (middle, end) if rejected(middle) else (start, middle)
    return start
