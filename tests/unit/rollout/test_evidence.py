"""The evidence of closed cohorts: against a published implementation, and in simulated months.

BETTING is recorded from the package confseq 0.0.11 by the methods' authors:
`diversified_betting_mart` over (d + 1) / 2 against the mean (difference + 1) / 2, of 300 fixed bets
2 * b / (1 + |difference|) weighted by the density of 0.25 Beta(1, 3) + 0.75 Beta(4, 60) (theta=1,
above) or of Beta(1, 3) (theta=0, below) at Gauss-Legendre nodes b, trunc_scale=1. The bounds are
where it reaches 2 / 0.05.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from ml.domain.comparisons import Cohort, Stratum
from ml.rollout.evidence import NOT_WORSE, WORSE, estimate_of, evidence_of
from ml.stats.sequential import BetPrior, log_growth, log_mixture

START = datetime(2026, 1, 1, tzinfo=UTC)
# (wins, losses, products), log above -0.01, log below 0, log below 0.03; bounds at alpha 0.05
BETTING = [
    ((12, 3, 100), 1.360228515658426, -1.4181695696503833, -1.1486080754783845),
    ((3, 20, 200), -1.0408551403204545, 4.980597688688957, 8.52078830411855),
    ((40, 44, 400), -0.3408451258311989, -0.7317495134621741, 0.8343192456677404),
    ((0, 9, 50), -0.6648508270326685, 2.904663088006928, 3.585729398903534),
]
BETTING_BOUNDS = [
    (-0.06740113837702441, 0.23857411450628585),
    (-0.18573093796272822, -0.01222659179282724),
    (-0.09175715559296141, 0.06132040086035474),
    (-0.5592364626686397, 0.03454146407250831),
]


def a_cohort(*strata: tuple[int, int, int, int], products: int, number: int = 1) -> Cohort:
    """Strata of (drawn, wins, ties, losses); every disagreement was drawn."""
    parts = tuple(Stratum(*each) for each in strata)
    drawn = sum(each.drawn for each in parts)
    return Cohort("trial-1", number, number, START, products, drawn, parts)


@st.composite
def a_stratum(draw: st.DrawFn, *, complete: bool = False) -> tuple[int, int, int, int]:
    wins, ties, losses = (draw(st.integers(0, 6)) for _ in range(3))
    missing = 0 if complete else draw(st.integers(0, 25))
    return wins + ties + losses + missing, wins, ties, losses


@st.composite
def some_cohorts(draw: st.DrawFn, *, complete: bool = False) -> list[Cohort]:
    cohorts = []
    for number in range(1, draw(st.integers(0, 6)) + 1):
        strata = [draw(a_stratum(complete=complete)) for _ in range(3)]
        products = sum(each[0] for each in strata) + draw(st.integers(0, 500))
        cohorts.append(a_cohort(*strata, products=products, number=number))
    return cohorts


def mirrored(cohorts: list[Cohort]) -> list[Cohort]:
    """As they would be had the models changed places."""
    return [
        replace(each, strata=tuple(Stratum(s.drawn, s.losses, s.ties, s.wins) for s in each.strata))
        for each in cohorts
    ]


histories = some_cohorts()
complete_histories = some_cohorts(complete=True)
probabilities = st.sampled_from([0.001, 0.1, 0.5, 1.0])
differences = st.floats(-1, 1)


@pytest.mark.parametrize(("recorded", "bounds"), list(zip(BETTING, BETTING_BOUNDS, strict=True)))
def test_capitals_and_bounds_are_those_of_the_published_implementation(recorded, bounds):
    (wins, losses, products), above, below, further_below = recorded
    lowest, highest = bounds
    cohort = a_cohort((wins + losses, wins, 0, losses), products=products)
    evidence = evidence_of([cohort], probability=1.0)
    assert evidence.log_e_above(-0.01) == pytest.approx(above, abs=1e-6)
    assert evidence.log_e_below(0.0) == pytest.approx(below, abs=1e-6)
    assert evidence.log_e_below(0.03) == pytest.approx(further_below, abs=1e-6)
    assert evidence.bounds(alpha=0.05) == pytest.approx((lowest, highest), abs=1e-6)
    # Where a quarter of the disagreements is drawn, the same labels speak of four times as much.
    drawn = evidence_of([cohort], probability=0.25).bounds(alpha=0.05)
    within = (max(4 * lowest, -1.0), min(4 * highest, 1.0))
    assert drawn == pytest.approx(within, abs=1e-6)


@settings(max_examples=50)
@given(histories, probabilities, differences)
def test_no_history_breaks_the_bank_and_bounds_enclose_something(cohorts, probability, difference):
    evidence = evidence_of(cohorts, probability=probability)
    assert (evidence.stakes(difference) >= -1).all()
    assert (evidence.stakes(difference) <= 1).all()
    assert np.isfinite(evidence.log_e_above(difference))
    assert np.isfinite(evidence.log_e_below(difference))
    lower, upper = evidence.bounds(alpha=0.05)
    assert -1 <= lower <= upper <= 1
    wider = evidence.bounds(alpha=0.01)
    assert wider[0] <= lower
    assert upper <= wider[1]


@settings(max_examples=50)
@given(histories, probabilities, differences, differences)
def test_who_is_surely_above_a_difference_is_above_every_smaller_one(cohorts, q, one, other):
    evidence = evidence_of(cohorts, probability=q)
    smaller, larger = sorted((one, other))
    assert evidence.log_e_above(smaller) >= evidence.log_e_above(larger) - 1e-9
    assert evidence.log_e_below(smaller) <= evidence.log_e_below(larger) + 1e-9


@settings(max_examples=50)
@given(complete_histories, probabilities, st.floats(0.001, 0.5))
def test_the_upper_bound_is_under_zero_when_worse_is_shown(cohorts, probability, alpha):
    evidence = evidence_of(cohorts, probability=probability)
    _, upper = evidence.bounds(alpha=alpha)
    assert (evidence.log_e_below(0.0) >= log(2 / alpha)) == (upper <= 0)


@settings(max_examples=50)
@given(histories, probabilities, differences)
def test_changing_the_places_of_the_models_mirrors_the_evidence(cohorts, probability, difference):
    evidence = evidence_of(cohorts, probability=probability)
    other = evidence_of(mirrored(cohorts), probability=probability)
    for prior in (WORSE, NOT_WORSE):
        below = other.log_e_below(-difference, prior)
        assert evidence.log_e_above(difference, prior) == pytest.approx(below, abs=1e-9)
    estimate, reverse = estimate_of(cohorts), estimate_of(mirrored(cohorts))
    assert estimate.difference == pytest.approx(-reverse.difference)
    assert estimate.lowest == pytest.approx(-reverse.highest)


@settings(max_examples=50)
@given(complete_histories, st.randoms(use_true_random=False), probabilities, differences)
def test_the_order_of_complete_cohorts_does_not_matter(cohorts, random, probability, difference):
    shuffled = random.sample(cohorts, len(cohorts))
    one, other = (evidence_of(each, probability=probability) for each in (cohorts, shuffled))
    above, below = other.log_e_above(difference), other.log_e_below(difference)
    assert one.log_e_above(difference) == pytest.approx(above, abs=1e-9)
    assert one.log_e_below(difference) == pytest.approx(below, abs=1e-9)


@settings(max_examples=50)
@given(histories, probabilities, st.data())
def test_a_loss_more_never_speaks_for_the_candidate(cohorts, probability, data):
    answered = [
        (at, which)
        for at, cohort in enumerate(cohorts)
        for which, stratum in enumerate(cohort.strata)
        if stratum.wins + stratum.ties
    ]
    if not answered:
        return
    at, which = data.draw(st.sampled_from(answered))
    worse, strata = list(cohorts), list(cohorts[at].strata)
    old = strata[which]
    won = bool(old.wins)
    strata[which] = Stratum(old.drawn, old.wins - won, old.ties - (not won), old.losses + 1)
    worse[at] = replace(cohorts[at], strata=tuple(strata))
    before, after = (evidence_of(each, probability=probability) for each in (cohorts, worse))
    assert after.log_e_below(0.0) >= before.log_e_below(0.0) - 1e-9
    assert after.log_e_above(-0.007) <= before.log_e_above(-0.007) + 1e-9
    assert estimate_of(worse).difference <= estimate_of(cohorts).difference


@settings(max_examples=50)
@given(histories)
def test_what_was_seen_is_not_seen_differently_later(cohorts):
    for fewer, more in pairwise(range(len(cohorts) + 1)):
        before, after = (
            list(zip(e.outcomes, e.scales, e.counts, strict=True))
            for e in (evidence_of(cohorts[:n], probability=1.0) for n in (fewer, more))
        )
        if any(count for _, _, count in before):
            assert after[: len(before)] == before


def test_without_a_cohort_nothing_is_known():
    evidence, estimate = evidence_of([], probability=0.1), estimate_of([])
    assert evidence.bounds(alpha=0.05) == (-1.0, 1.0)
    assert evidence.log_e_below(0.0) == pytest.approx(0.0, abs=1e-12)
    assert (estimate.difference, estimate.labels, estimate.products) == (0.0, 0, 0)


def test_models_that_agree_are_equal_without_a_label_and_cannot_be_told_to_be_worse():
    cohorts = [a_cohort((0, 0, 0, 0), products=1_000, number=n) for n in range(1, 31)]
    evidence = evidence_of(cohorts, probability=0.1)
    assert evidence.log_e_above(-0.007) > log(20)
    assert evidence.log_e_below(0.0) == pytest.approx(0.0, abs=1e-12)
    assert estimate_of(cohorts).difference == 0.0


def test_labels_that_never_come_say_nothing_however_often_the_models_agree():
    silent = [a_cohort((n % 2, 0, 0, 0), products=5_000, number=n) for n in range(1, 60)]
    evidence = evidence_of(silent, probability=0.1)
    assert evidence.log_e_above(-0.007) == pytest.approx(0.0, abs=1e-12)
    assert evidence.bounds(alpha=0.05) == (-1.0, 1.0)
    estimate = estimate_of(silent)
    assert (estimate.lowest, estimate.highest) == (-estimate.disagreement, estimate.disagreement)


def test_a_cohort_waits_for_the_next_one_until_every_stratum_has_a_label():
    easy_only = a_cohort((3, 0, 0, 0), (7, 4, 0, 3), products=100)
    hard_too = a_cohort((2, 1, 0, 1), (8, 2, 2, 4), products=150, number=2)
    together = a_cohort((5, 1, 0, 1), (15, 6, 2, 7), products=250)
    alone = evidence_of([easy_only], probability=1.0)
    both = evidence_of([easy_only, hard_too], probability=1.0)
    merged = evidence_of([together], probability=1.0)
    assert alone.log_e_above(-0.5) == pytest.approx(0.0, abs=1e-12)
    assert both.bounds(alpha=0.05) == merged.bounds(alpha=0.05)
    assert both.bounds(alpha=0.05) != (-1.0, 1.0)


def test_products_that_nobody_ever_labels_do_not_hold_up_the_others():
    cohorts = [a_cohort((5, 0, 0, 0), (10, 0, 0, 10), products=150, number=n) for n in range(1, 10)]
    assert [evidence_of(cohorts[:n], probability=1.0).counts.sum() for n in (3, 4, 9)] == [
        0,
        600,
        1200,
    ]
    assert evidence_of(cohorts, probability=1.0).bounds(alpha=0.05)[1] < 0


def test_the_estimate_weighs_those_that_came_for_those_that_did_not():
    cohort = a_cohort((8, 1, 0, 3), (12, 6, 2, 4), products=1_000)
    estimate = estimate_of([replace(cohort, disagreements=100)])
    hard, easy = 8 / 4 * (1 - 3), 12 / 12 * (6 - 4)
    assert estimate.disagreement == 0.1
    assert estimate.difference == pytest.approx(0.1 * (hard + easy) / 20)
    assert estimate.lowest == pytest.approx(0.1 * (7 - 7 - 4) / 20)
    assert estimate.highest == pytest.approx(0.1 * (7 - 7 + 4) / 20)
    assert (estimate.drawn, estimate.labels) == (20, 16)


class Months:
    """Simulated comparisons, looked at after every cohort, `draws` drawn disagreements each.

    `wins`, `losses` and `labelled` are chances by stratum, as labels show them; a disagreement is
    of stratum s with chance `shares[s]`. Models differ on a tenth of the products, of which every
    fifth is drawn.
    """

    disagreement, probability = 0.1, 0.2

    def __init__(self, shares, wins, losses, labelled=None, *, months=500, cohorts=20, draws=10):
        self._shares = np.array(shares, dtype=float)
        self._wins, self._losses = np.array(wins, dtype=float), np.array(losses, dtype=float)
        self._labelled = np.ones(len(shares)) if labelled is None else np.array(labelled)
        self.months, self._size, self._draws = months, (months, cohorts), draws
        self.difference = self.disagreement * float(self._shares @ (self._wins - self._losses))

    def __iter__(self) -> Iterator[list[Cohort]]:
        rng = np.random.default_rng(2026)
        chance = self.disagreement * self.probability
        products = rng.negative_binomial(self._draws, chance, self._size) + self._draws
        drawn = rng.multinomial(self._draws, self._shares, self._size)
        labelled = rng.binomial(drawn, self._labelled)
        wins = rng.binomial(labelled, self._wins)
        losses = rng.binomial(labelled - wins, self._losses / np.maximum(1 - self._wins, 1e-12))
        strata = np.stack([drawn, wins, labelled - wins - losses, losses], axis=-1)
        for number_of, month in zip(products.tolist(), strata.tolist(), strict=True):
            yield [
                a_cohort(*parts, products=number, number=at)
                for at, (number, parts) in enumerate(zip(number_of, month, strict=True), start=1)
            ]

    def most(self, *questions: tuple[float, int, BetPrior]) -> np.ndarray:
        """Largest logarithm of the capital at any look, by month and (difference, side, prior)."""
        largest = []
        for cohorts in self:
            evidence = evidence_of(cohorts, probability=self.probability)
            last = slice(2 * len(self._shares), None, 2 * len(self._shares) + 1)
            for difference, side, prior in questions:
                values = side * evidence.stakes(difference)
                growth = log_growth(values[:, None], evidence.counts[:, None], prior)
                looks = log_mixture(np.cumsum(growth, axis=0)[last], prior)
                largest.append(looks.max(initial=0.0))
        return np.reshape(largest, (self.months, len(questions)))


def share_at_most(hits: np.ndarray) -> float:
    """Upper end of the Clopper-Pearson interval of a share, one-sided 95 %."""
    return binomtest(int(hits.sum()), len(hits), alternative="less").proportion_ci(0.95).high


MISSING = [0.5, 0.7, 0.95]
EQUAL = {
    "equal": Months([1.0], [0.4], [0.4], months=1_200, cohorts=15),
    "equal, the hard ones seldom labelled": Months([0.3, 0.3, 0.4], [0.4] * 3, [0.4] * 3, MISSING),
    "better on easy ones, worse on hard ones": Months(
        [0.3, 0.4, 0.3], [0.1, 0.4, 0.7], [0.7, 0.4, 0.1], MISSING
    ),
    "better on hard ones, worse on easy ones": Months(
        [0.3, 0.4, 0.3], [0.7, 0.4, 0.1], [0.1, 0.4, 0.7], MISSING
    ),
    "every hard one won and seldom labelled, every easy one lost": Months(
        [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.3, 1.0]
    ),
    # 10 % of labels name the other model's answer, or either one where both are wrong
    "equal, labels err": Months([1.0], [0.38], [0.38], months=1_200, cohorts=15),
}


@pytest.mark.parametrize("months", EQUAL.values(), ids=EQUAL)
def test_equal_models_are_told_apart_in_at_most_alpha_of_the_months(months):
    assert months.difference == pytest.approx(0.0)
    largest = months.most((0.0, -1, WORSE))
    assert share_at_most(largest[:, 0] >= log(1 / 0.025)) <= 0.025


# At the margin of one point: -0.1 of the disagreements. Reviewers err in 15 % of their labels, and
# every error is the other model's answer: labels show 0.7 of it.
AT_THE_MARGIN = {
    "labels err for the candidate": Months(
        [1.0], [0.35 * 0.85 + 0.45 * 0.15 + 0.015], [0.45 * 0.85 + 0.35 * 0.15 + 0.015]
    ),
    "and are missing by hardness": Months(
        [0.3, 0.4, 0.3], [0.2, 0.4, 0.5], [0.5, 0.45, 1.1 / 3], MISSING
    ),
    "and are missing by hardness, which loses": Months(
        [0.3, 0.4, 0.3], [0.5, 0.4, 0.2], [1.1 / 3, 0.45, 0.5], MISSING
    ),
}


@pytest.mark.parametrize("months", AT_THE_MARGIN.values(), ids=AT_THE_MARGIN)
def test_one_at_the_margin_is_promoted_in_at_most_alpha_of_the_months(months):
    assert months.difference == pytest.approx(-0.007)
    largest = months.most((-0.01 * (1 - 2 * 0.15), 1, NOT_WORSE))
    assert share_at_most(largest[:, 0] >= log(1 / 0.05)) <= 0.05


def test_the_bounds_hold_the_difference_at_all_looks_at_once():
    months = Months([0.3, 0.3, 0.4], [0.1, 0.5, 0.5], [0.6, 0.4, 0.4], MISSING)
    largest = months.most((months.difference, 1, NOT_WORSE), (months.difference, -1, WORSE))
    assert share_at_most((largest >= log(2 / 0.05)).any(axis=1)) <= 0.05


def test_a_drop_of_two_points_is_seen_and_an_equal_one_shown_to_be_no_worse():
    worse = Months([1.0], [0.3], [0.5], months=40, cohorts=60)
    assert (worse.most((0.0, -1, WORSE)) >= log(1 / 0.025)).mean() > 0.95
    equal = Months([1.0], [0.4], [0.4], months=40, cohorts=300)
    assert (equal.most((-0.007, 1, NOT_WORSE)) >= log(1 / 0.05)).mean() > 0.8
