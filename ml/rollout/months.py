"""The judge over many months at once: what `judge` would have decided of each, and when.

For simulations: the evidence is that of `evidence_of`, laid out as arrays.
"""

from dataclasses import dataclass
from math import log
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.rollout.evidence import NOT_WORSE, SILENT, WORSE, Evidence
from ml.rollout.judge import JudgePolicy
from ml.stats.sequential import BetPrior, log_growth, log_mixture

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LOOKS, _MONTHS = 10, 500  # looked at together: as many as stay in a processor's cache


class CohortCounts(Protocol):
    """Closed cohorts: `days` (of their closing), `products`, `disagreements` [M, L], others
    [M, L, S]."""

    @property
    def days(self) -> FloatArray: ...
    @property
    def products(self) -> IntArray: ...
    @property
    def disagreements(self) -> IntArray: ...
    @property
    def drawn(self) -> IntArray: ...
    @property
    def wins(self) -> IntArray: ...
    @property
    def ties(self) -> IntArray: ...
    @property
    def losses(self) -> IntArray: ...


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a rule made of each month, [M] each.

    `look`, `labels` and `days` are those of the decision; of the month's last look where there was
    none.
    """

    stopped: BoolArray
    promoted: BoolArray
    look: IntArray
    labels: IntArray
    days: FloatArray


@dataclass(frozen=True, eq=False)
class Judged(Verdicts):
    """The judge's verdicts; `difference` is the estimate that each was made on."""

    difference: FloatArray


def first_of(
    stops: BoolArray, promotes: BoolArray, within: BoolArray, labels: IntArray, days: FloatArray
) -> Verdicts:
    """The first look of each month that decides; all [M, L]. A stop goes before a promotion.

    Looks that are not `within` the time decide nothing; they are the last of each month.
    """
    decides = (stops | promotes) & within
    last = np.maximum(within.sum(axis=1) - 1, 0)
    look = np.where(decides.any(axis=1), decides.argmax(axis=1), last)
    rows = np.arange(len(look))
    found = decides[rows, look]
    stopped = found & stops[rows, look]
    return Verdicts(stopped, found & ~stopped, look, labels[rows, look], days[rows, look])


def judge_months(
    counts: CohortCounts, policy: JudgePolicy, *, probability: float, watch: bool = False
) -> Judged:
    """Judge each month after every cohort; `probability` is the disagreement coin.

    Under `watch` nothing is promoted.
    """
    within = counts.days <= policy.max_days
    stops, promotes = np.zeros((2, *within.shape), dtype=bool)
    for start in range(0, len(within), _MONTHS):
        rows = slice(start, start + _MONTHS)
        evidence = _evidence(counts, rows, probability)
        stops[rows], promotes[rows] = _decide(evidence, within[rows], policy, watch=watch)
    labels = _labelled(counts).sum(axis=-1).cumsum(axis=1)
    verdicts = first_of(stops, promotes, within, labels, counts.days)
    return Judged(**vars(verdicts), difference=_difference(counts, verdicts.look))


def _decide(
    evidence: Evidence, within: BoolArray, policy: JudgePolicy, *, watch: bool
) -> BoolArray:
    """Looks at which the judge would stop or promote, [2, M, L], as far as a month's first one."""
    tests = [_Test(-evidence.stakes(0.0), WORSE, policy.false_stop_rate)]
    if not watch:
        stakes = evidence.stakes(-policy.labelled_margin)
        tests.append(_Test(stakes, NOT_WORSE, policy.false_promotion_rate))
    passed = np.zeros((2, *within.shape), dtype=bool)
    capital = [np.zeros((len(within), len(test.prior.bets))) for test in tests]
    for start in range(0, within.shape[1], _LOOKS):
        looks = slice(start, start + _LOOKS)
        open_months = np.flatnonzero(within[:, start] & ~passed.any(axis=(0, 2)))
        for test, mine, rejected in zip(tests, capital, passed, strict=False):
            stakes = test.stakes if test.stakes.ndim == 1 else test.stakes[open_months, looks]
            growth = log_growth(stakes, evidence.counts[open_months, looks], test.prior)
            growth = growth.cumsum(axis=1) + mine[open_months, None]
            mine[open_months] = growth[:, -1]
            log_e = log_mixture(growth, test.prior)
            rejected[open_months, looks] = log_e >= log(1.0 / test.alpha)
    return passed


class _Test(NamedTuple):
    stakes: FloatArray
    prior: BetPrior
    alpha: float


def _evidence(counts: CohortCounts, months: slice, probability: float) -> Evidence:
    """Evidence of each cohort apart, counts [m, L, V]; outcomes are shared where no label lacks."""
    drawn, wins, losses = counts.drawn[months], counts.wins[months], counts.losses[months]
    products, labelled = counts.products[months], _labelled(counts)[months]
    if (labelled == drawn).all():
        decided = [wins.sum(axis=-1), losses.sum(axis=-1)]
        each = np.stack([*decided, products - sum(decided)], axis=-1).astype(float)
        return Evidence(np.array([1.0, -1.0, 0.0]), np.ones(3), each, probability)
    parts = np.stack([drawn, labelled, wins, losses], axis=-1)
    parts, products = _merged(parts, products)
    weight = _weights(parts[..., 0], parts[..., 1])
    scale = np.maximum(weight.max(axis=-1, keepdims=True), 1.0)
    decided = parts[..., 2:].sum(axis=(-2, -1))
    rest = (products - decided)[..., None]
    each = np.concatenate([parts[..., 2], parts[..., 3], rest], axis=-1).astype(float)
    outcomes = np.concatenate([weight, -weight, np.zeros_like(scale)], axis=-1)
    return Evidence(outcomes, scale, each, probability)


def _merged(parts: IntArray, products: IntArray) -> tuple[IntArray, IntArray]:
    """Cohorts that wait for the next one are counted there: as they are in `evidence_of`.

    `parts` [m, L, S, (drawn, labelled, ...)], `products` [m, L]; what waits is 0 in the meantime.
    """
    merged, merged_products = np.zeros_like(parts), np.zeros_like(products)
    waiting, waiting_products = np.zeros_like(parts[:, 0]), np.zeros_like(products[:, 0])
    for look in range(products.shape[1]):
        waiting = waiting + parts[:, look]
        waiting_products = waiting_products + products[:, look]
        drawn, labelled = waiting[..., 0], waiting[..., 1]
        silent = (drawn > 0) & (labelled == 0)
        short = (silent & (drawn < SILENT)).any(axis=-1) | ~labelled.any(axis=-1)
        goes = ~(silent.any(axis=-1) & short)
        merged[goes, look], merged_products[goes, look] = waiting[goes], waiting_products[goes]
        waiting[goes], waiting_products[goes] = 0, 0
    return merged, merged_products


def _weights(drawn: IntArray, labelled: IntArray) -> FloatArray:
    """What a labelled product speaks for, [..., S]; as for a single month."""
    own = drawn / np.maximum(labelled, 1)
    shared = drawn.sum(axis=-1, keepdims=True) / np.maximum(labelled.sum(-1, keepdims=True), 1)
    silent = ((drawn > 0) & (labelled == 0)).any(axis=-1, keepdims=True)
    return np.asarray(np.where(silent, shared, own))


def _labelled(counts: CohortCounts) -> IntArray:
    return counts.wins + counts.ties + counts.losses


def _difference(counts: CohortCounts, look: IntArray) -> FloatArray:
    """The estimate at one look of each month, [M]."""
    rows = np.arange(len(look))

    def until(values: IntArray) -> IntArray:
        return np.asarray(values.cumsum(axis=1)[rows, look])

    drawn, rate = until(counts.drawn), until(counts.disagreements) / until(counts.products)
    weights = _weights(drawn, until(_labelled(counts)))
    won = weights * (until(counts.wins) - until(counts.losses))
    return np.asarray(rate * won.sum(axis=-1) / np.maximum(drawn.sum(axis=-1), 1))
