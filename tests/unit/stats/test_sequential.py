"""Capitals of the betting tests against references that were made without them.

The vectors of CONFSEQ are recorded from the package confseq 0.0.11 by the methods' authors (Howard,
Waudby-Smith, Ramdas): its C++ header, compiled, gave `BetaBinomialMixture(v_opt, 0.05, g, h,
is_one_sided=true).log_superMG(s, v)` for coins with heads at chance g = 1 / (1 + k), h = 1 - g,
s = h * heads - g * tails and v = g * h * (heads + tails). Its prior is a Beta over the chance of
heads, cut off at g; v_opt was solved for r = g * h * (1 + k), which makes it Beta(1, k). A bet b
against that coin wins k or loses 1, and as the chance of heads is g + b * h, b is Beta(1, k), too.
"""

from fractions import Fraction
from math import exp, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, hyp2f1
from scipy.stats import beta, binom, binomtest

from ml.stats.sequential import beta_prior, log_e_value, log_growth, log_mixture

# (k, heads, tails, log_superMG)
CONFSEQ = [
    (1, 1, 0, 0.405465108108164),
    (1, 0, 3, -1.38629436111989),
    (1, 5, 0, 2.35137525716348),
    (1, 6, 2, 0.614756546614223),
    (1, 25, 5, 6.18633990759935),
    (1, 3, 20, -2.90587815010932),
    (1, 40, 60, -3.16912124231628),
    (1, 80, 15, 22.7351179410204),
    (3, 1, 0, 0.559615787935422),
    (3, 0, 3, -0.693147180559946),
    (3, 5, 0, 3.76493068996833),
    (3, 6, 2, 3.10219607647043),
    (3, 25, 5, 19.5317274626057),
    (3, 3, 20, -1.64796321526728),
    (3, 40, 60, 4.24631448334817),
    (3, 80, 15, 69.8195506987812),
    (9, 1, 0, 0.641853886172395),
    (9, 0, 3, -0.28768207245178),
    (9, 5, 0, 4.85779300426263),
    (9, 6, 2, 5.34950707900067),
    (9, 25, 5, 35.1609079368574),
    (9, 3, 20, -0.226337955559027),
    (9, 40, 60, 28.2252892502308),
    (9, 80, 15, 131.953895473046),
]
WON_OR_LOST = np.array([1.0, -1.0, 0.0])

shapes = st.integers(1, 10)


@pytest.mark.parametrize(("k", "heads", "tails", "expected"), CONFSEQ)
def test_coins_pay_what_the_published_implementation_says(k, heads, tails, expected):
    log_e = log_e_value(np.array([k, -1.0]), np.array([heads, tails]), beta_prior(1, k))
    assert float(log_e) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 10**6), shapes)
def test_the_capital_is_the_closed_form_of_the_beta_mixture(wins, losses, ties, b):
    """b * integral of (1 + x)^wins * (1 - x)^(losses + b - 1) over (0, 1), by Gauss (1812)."""
    log_e = log_e_value(WON_OR_LOST, np.array([wins, losses, ties]), beta_prior(1, b))
    exact = log(b / (losses + b) * hyp2f1(-wins, 1, losses + b + 1, -1.0))
    assert float(log_e) == pytest.approx(exact, abs=1e-6)


@given(
    st.lists(
        st.tuples(st.fractions(-1, 5, max_denominator=20), st.integers(0, 15)),
        min_size=1,
        max_size=4,
    ),
    shapes,
    shapes,
)
def test_the_capital_is_the_exact_integral_of_a_polynomial(outcomes, a, b):
    polynomial = [Fraction(1)]
    for value, count in outcomes:
        for _ in range(count):
            shifted = [Fraction(0), *(value * each for each in polynomial)]
            polynomial = [x + y for x, y in zip([*polynomial, Fraction(0)], shifted, strict=True)]
    exact, moment = Fraction(0), Fraction(1)  # E[x^k] of Beta(a, b), by its recurrence
    for k, coefficient in enumerate(polynomial):
        exact += coefficient * moment
        moment *= Fraction(a + k, a + b + k)
    values, counts = np.array(outcomes, dtype=float).T
    log_e = log_e_value(values, counts, beta_prior(a, b))
    assert exp(float(log_e) - log(exact)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("offset", "a", "b"), [(0.0, 1, 3), (7e-5, 1, 9), (-7e-5, 1, 9), (-7e-5, 0.5, 2.5)]
)
def test_the_capital_of_a_months_traffic_is_what_quadrature_finds(offset, a, b):
    values = (np.array([1.0, -1.0, 1.25, -1.25, 0.0]) + offset) / (1.25 + abs(offset))
    counts = np.array([620, 540, 90, 110, 3_000_000 - 1_360])

    def logarithm(bet: float) -> float:
        density = (a - 1) * log(bet) + (b - 1) * log1p(-bet) - float(betaln(a, b))
        return float(counts @ np.log1p(values * bet)) + density

    peak = max(logarithm(bet) for bet in np.linspace(0.001, 0.999, 999))
    exact = quad(
        lambda bet: exp(logarithm(bet) - peak), 0, 1, points=[0.001, 0.01, 0.1, 0.3], epsabs=1e-11
    )[0]
    log_e = log_e_value(values, counts, beta_prior(a, b))
    assert float(log_e) == pytest.approx(peak + log(exact), abs=1e-6)


@pytest.mark.parametrize("chance", [0.5, 0.45, 0.2])
@pytest.mark.parametrize("b", [1, 3, 9])
def test_a_fair_game_leaves_the_mean_capital_at_one_and_an_unfair_one_under_it(chance, b):
    heads = np.arange(61)
    log_e = log_e_value(WON_OR_LOST[:2], np.stack([heads, 60 - heads], axis=1), beta_prior(1, b))
    mean = float(np.exp(log_e) @ binom(60, chance).pmf(heads))
    if chance == 0.5:
        assert mean == pytest.approx(1.0, abs=1e-9)
    else:
        assert mean < 0.99


def test_looking_after_every_coin_finds_a_fair_one_unfair_in_at_most_alpha_of_the_cases():
    rng = np.random.default_rng(11)
    heads = np.cumsum(rng.random((600, 150)) < 0.5, axis=1)
    counts = np.stack([heads, np.arange(1, 151) - heads], axis=-1)
    reached = log_e_value(WON_OR_LOST[:2], counts, beta_prior(1, 3)).max(axis=1) >= log(20)
    found = binomtest(int(reached.sum()), len(reached))
    assert found.proportion_ci(0.95).high <= 0.05
    assert reached.any()  # it is looked at closely enough to be wrong at all


def test_a_loaded_coin_makes_rich():
    rng = np.random.default_rng(12)
    heads = (rng.random((200, 200)) < 0.75).sum(axis=1)
    log_e = log_e_value(WON_OR_LOST[:2], np.stack([heads, 200 - heads], axis=1), beta_prior(1, 3))
    assert (log_e >= log(1_000)).mean() > 0.95


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=6),
    st.lists(st.floats(-1, 4), min_size=2, max_size=2),
)
def test_parts_of_a_history_add_up_whatever_each_of_them_pays(parts, values):
    prior, counts = beta_prior(1, 3), np.array(parts)
    together = log_e_value(np.array(values), counts.sum(axis=0), prior)
    same = log_growth(np.array(values), counts, prior).sum(axis=0)
    own = log_growth(np.tile(values, (len(parts), 1)), counts, prior).sum(axis=0)
    assert float(log_mixture(same, prior)) == pytest.approx(float(together), abs=1e-9)
    assert float(log_mixture(own, prior)) == pytest.approx(float(together), abs=1e-9)


def test_a_prior_spreads_the_whole_capital_over_possible_bets():
    prior = beta_prior(2, 5)
    assert ((prior.bets > 0) & (prior.bets < 1) & (prior.shares > 0)).all()
    assert prior.shares.sum() == pytest.approx(1.0)
    assert prior.shares @ prior.bets**2 == pytest.approx(beta(2, 5).moment(2))


def test_nothing_seen_is_no_evidence_and_ruin_is_not_the_end_of_the_numbers():
    prior = beta_prior(1, 3)
    assert float(log_e_value(WON_OR_LOST, np.zeros(3), prior)) == pytest.approx(0.0, abs=1e-12)
    lost = float(log_e_value(WON_OR_LOST, np.array([0, 10**7, 0]), prior))
    won = float(log_e_value(WON_OR_LOST, np.array([10**7, 0, 0]), prior))
    assert -np.inf < lost < -100
    assert 1e6 < won < np.inf


@pytest.mark.parametrize("values", [[-1.0000001, 1.0], [[0.5, 1.0], [0.5, -2.0]]])
def test_nobody_can_lose_more_than_the_stake(values):
    with pytest.raises(ValueError, match="at least -1"):
        log_growth(np.array(values), np.ones((2, 2)), beta_prior(1, 3))
