"""Simulated months of a comparison of two models: counts of what was scored, drawn and labelled.

All months of a cell are drawn at once. A candidate that is `difference` more accurate wins so many
more of the disagreements; which of them are drawn is a coin of constant probability, so the
products between two draws are a random number, too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

CLASSES = 27
_DELAY_DEVIATION = 0.8  # of the delay's logarithm
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Hardness:
    """A `share` of the disagreements, and how it departs from all of them.

    `both_wrong` is added to the share where both models err, `edge` to wins minus losses. Of its
    drawn products `answered` are ever labelled, after a median of `delay_days`.
    """

    share: float
    both_wrong: float
    edge: float
    answered: float
    delay_days: float


LATE = (
    Hardness(0.3, both_wrong=0.2, edge=-0.2, answered=0.55, delay_days=3.0),
    Hardness(0.4, both_wrong=0.0, edge=0.0, answered=0.8, delay_days=2.0),
    Hardness(0.3, both_wrong=-0.2, edge=0.2, answered=0.95, delay_days=1.0),
)
"""Hard products are labelled late and often not at all, and the candidate is worst at them."""


@dataclass(frozen=True)
class Fall:
    """From `day` on both models are `points` less accurate, absolute, and disagree differently."""

    day: float
    points: float
    disagreement: float
    both_wrong: float


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the two models and their reviewers are like; shares in [0, 1].

    `both_wrong` and `difference` (candidate minus baseline, of all products) shape the
    `disagreement`; a wrong label names the other model's answer in `mistaken_for_rival` of the
    cases. `accuracy` is the baseline's. Without `hardness` every label is in at once.
    """

    disagreement: float
    difference: float
    both_wrong: float
    reviewer_error: float = 0.0
    mistaken_for_rival: float = 1.0 / (CLASSES - 1)
    accuracy: float = 0.85
    hardness: tuple[Hardness, ...] = ()
    fall: Fall | None = None

    @property
    def possible(self) -> bool:
        """Whether there are enough disagreements for such a difference."""
        return bool((self.true_outcomes() >= -_ROUNDING).all())

    def true_outcomes(self) -> FloatArray:
        """Shares of wins, ties and losses [phases, strata, 3]; negative ones are impossible."""
        phases = [(self.disagreement, self.both_wrong)]
        if self.fall:
            phases.append((self.fall.disagreement, self.fall.both_wrong))
        strata = self.hardness or (Hardness(1.0, 0.0, 0.0, 1.0, 0.0),)
        shares = [
            _outcomes(wrong + each.both_wrong, self.difference / rate + each.edge)
            for rate, wrong in phases
            for each in strata
        ]
        return np.array(shares).reshape(len(phases), len(strata), 3)

    def labelled_outcomes(self) -> FloatArray:
        """The same as erring reviewers see them."""
        swapped, random = self.mistaken_for_rival, min(self.mistaken_for_rival, 0.5)
        wrong = np.array(
            [[0.0, 1.0 - swapped, swapped], [random, 1.0 - 2.0 * random, random],
             [swapped, 1.0 - swapped, 0.0]]
        )  # fmt: skip
        seen = (1.0 - self.reviewer_error) * np.eye(3) + self.reviewer_error * wrong
        outcomes: FloatArray = np.clip(self.true_outcomes(), 0.0, 1.0) @ seen
        return outcomes

    def accuracies(self, days: int) -> tuple[FloatArray, FloatArray]:
        """The candidate's and the baseline's accuracy on each day, as reviewers see it, [D]."""
        fallen = self.fallen(days)
        base = self.accuracy - np.where(fallen, self.fall.points if self.fall else 0.0, 0.0)
        return self.observed_accuracy(base + self.difference), self.observed_accuracy(base)

    def fallen(self, days: int) -> BoolArray:
        """Whether both models have fallen on each day, [D]."""
        return np.asarray(np.arange(days) >= (self.fall.day if self.fall else np.inf))

    def observed_accuracy(self, true: FloatArray) -> FloatArray:
        """The share of right answers that erring reviewers report."""
        error = self.reviewer_error
        return true * (1.0 - error) + (1.0 - true) * error / (CLASSES - 1)


def _outcomes(both_wrong: float, mean: float) -> list[float]:
    decided = 1.0 - both_wrong
    return [(decided + mean) / 2.0, both_wrong, (decided - mean) / 2.0]


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a comparison is run: its traffic, its reviewers' capacity, and when cohorts close."""

    products_per_day: int = 100_000
    labels_per_day: float = 100.0
    days: int = 30
    draws: int = 10
    complete: float = 0.9
    wait_days: float = 7.0

    def label_probability(self, disagreement: float) -> float:
        """The disagreement coin that fills the capacity."""
        return min(1.0, self.labels_per_day / (self.products_per_day * disagreement))


@dataclass(frozen=True, eq=False)
class Months:
    """Cohorts of many months, in their order; counts.

    `days` (since the start, when a cohort closed), `products` and `disagreements` are [M, L], the
    others [M, L, S], by how hard the products are. Cohorts after the last day are in it, too.
    """

    days: FloatArray
    products: IntArray
    disagreements: IntArray
    drawn: IntArray
    wins: IntArray
    ties: IntArray
    losses: IntArray


def simulate_months(
    rng: np.random.Generator, months: int, conditions: Conditions, design: Design
) -> Months:
    """`months` months of cohorts, long enough for the design's days."""
    rates = [conditions.disagreement]
    if conditions.fall:
        rates.append(conditions.fall.disagreement)
    probability = design.label_probability(conditions.disagreement)
    expected = design.days * design.products_per_day * max(rates) * probability / design.draws
    size = (months, int(expected + 5.0 * np.sqrt(expected) + 5.0))
    phases = [_products(rng, rate, probability, design.draws, size) for rate in rates]
    late = _late(phases[0], conditions, design)
    products = np.where(late == 1, phases[-1], phases[0])
    rate = np.asarray(rates)[late]
    others = rate * (1.0 - probability) / (1.0 - rate * probability)
    disagreements = design.draws + rng.binomial(products - design.draws, others)
    drawn_at = products.cumsum(axis=1) / design.products_per_day
    outcomes = conditions.labelled_outcomes()  # [phases, S, 3]
    if conditions.hardness:
        waited = _waited_for(rng, drawn_at, late, outcomes, conditions.hardness, design)
        closed_at, counts = waited
    else:
        closed_at = drawn_at
        counts = rng.multinomial(design.draws, outcomes[late])
        counts = np.concatenate([counts.sum(axis=-1, keepdims=True), counts], axis=-1)
    drawn, wins, ties, losses = np.moveaxis(counts, -1, 0)
    return Months(closed_at, products, disagreements, drawn, wins, ties, losses)


def _products(
    rng: np.random.Generator, rate: float, probability: float, draws: int, size: tuple[int, int]
) -> IntArray:
    """Products scored until the last of a cohort's draws, [M, L]."""
    return draws + rng.negative_binomial(draws, rate * probability, size=size)


def _late(products: IntArray, conditions: Conditions, design: Design) -> IntArray:
    """1 for cohorts that begin after the fall, 0 for the others, [M, L]."""
    if conditions.fall is None:
        return np.zeros(products.shape, dtype=np.int64)
    begun = products.cumsum(axis=1) - products
    return (begun >= conditions.fall.day * design.products_per_day).astype(np.int64)


def _waited_for(
    rng: np.random.Generator,
    drawn_at: FloatArray,
    late: IntArray,
    outcomes: FloatArray,
    hardness: tuple[Hardness, ...],
    design: Design,
) -> tuple[FloatArray, IntArray]:
    """When cohorts close, [M, L], and (drawn, wins, ties, losses) of each stratum, [M, L, S, 4].

    A cohort is looked at after the one before it, once enough of its labels are in, or at the end
    of the wait.
    """
    shape = (*drawn_at.shape, design.draws)
    stratum = rng.choice(len(hardness), size=shape, p=[each.share for each in hardness])
    median = np.array([each.delay_days for each in hardness])[stratum]
    delay = median * rng.lognormal(0.0, _DELAY_DEVIATION, size=shape)
    answered = np.array([each.answered for each in hardness])[stratum]
    delay[rng.random(shape) >= answered] = np.inf
    begun_at = np.concatenate([np.zeros_like(drawn_at[:, :1]), drawn_at[:, :-1]], axis=1)
    steps = np.arange(1, design.draws + 1) / design.draws
    arrived_at = begun_at[..., None] + (drawn_at - begun_at)[..., None] * steps + delay
    needed = int(np.ceil(design.complete * design.draws - _ROUNDING))
    enough_at = np.sort(arrived_at, axis=-1)[..., needed - 1]
    own = np.clip(enough_at, drawn_at, drawn_at + design.wait_days)
    closed_at = np.maximum.accumulate(own, axis=1)
    known = arrived_at <= closed_at[..., None]
    ends = outcomes.cumsum(axis=-1)
    chance, phase = rng.random(shape), late[..., None]
    outcome = (chance >= ends[phase, stratum, 0]) + (chance >= ends[phase, stratum, 1]).astype(int)
    counts = [
        np.stack([mine.sum(-1), *((mine & known & (outcome == o)).sum(-1) for o in range(3))], -1)
        for mine in (stratum == index for index in range(len(hardness)))
    ]
    return closed_at, np.stack(counts, axis=2)
