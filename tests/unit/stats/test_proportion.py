"""The weighted share against what it estimates, and its error against the spread it claims."""

import numpy as np
import pytest
from scipy.stats import binom

from ml.stats.proportion import Z_95, share_estimate, weighted_share


def test_equal_chances_give_the_plain_share() -> None:
    hits = np.arange(400) < 320
    share = weighted_share(hits, np.full(400, 0.25))
    assert share.value == pytest.approx(0.8)
    assert share.standard_error == pytest.approx(0.02, rel=0.02)
    assert share.effective_labels == pytest.approx(share.labels)


def test_the_error_is_the_spread_over_many_selections() -> None:
    # 10,000 products: the 2,000 hard ones are right half of the time and reviewed at 20 %, the
    # easy ones are right at 95 % and audited at 4 %.
    rng = np.random.default_rng(5)
    chances = np.where(np.arange(10_000) < 2_000, 0.2, 0.04)
    truth = np.where(chances > 0.1, 0.5, 0.95)
    shares = []
    for _ in range(400):
        chosen = rng.random(10_000) < chances
        hits = rng.random(10_000) < truth
        shares.append(weighted_share(hits[chosen], chances[chosen]))
    values = np.array([share.value for share in shares])
    errors = np.array([share.standard_error for share in shares])
    assert values.mean() == pytest.approx(0.86, abs=0.003)
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)
    assert shares[0].effective_labels < shares[0].labels


@pytest.mark.parametrize("hits", [np.zeros(50, bool), np.ones(50, bool)])
def test_labels_that_all_agree_still_have_an_error(hits: np.ndarray) -> None:
    assert 0.01 < weighted_share(hits, np.ones(50)).standard_error < 0.05


def test_no_labels_say_nothing() -> None:
    share = weighted_share(np.array([], bool), np.array([]))
    assert (share.value, share.labels, share.effective_labels) == (0.0, 0, 0.0)


def test_an_impossible_selection_is_refused() -> None:
    with pytest.raises(ValueError, match="inclusion probabilities"):
        weighted_share(np.ones(1, bool), np.zeros(1))


@pytest.mark.parametrize("audit", [0.002, 0.01, 0.05])
def test_months_of_hard_reviews_are_covered_where_the_naive_share_is_far_off(audit: float) -> None:
    """An 85 % model, 100,000 products a day: a quarter is unsure, right 55 % of the time, and
    reviewed at ten times the audit share beside the audit."""
    rng = np.random.default_rng(17)
    chances = np.array([audit, 1 - (1 - audit) * (1 - 10 * audit)])
    served = np.array([75_000, 25_000]) * 30
    months, covered, naive = 1_000, 0, []
    for _ in range(months):
        right = rng.binomial(served, [0.95, 0.55])
        hits, misses = rng.binomial(right, chances), rng.binomial(served - right, chances)
        weights = 1 / chances
        # the sums that weighted_share takes over its rows, which here come in four kinds
        share = weighted_share_of_counts(hits, misses, weights)
        covered += abs(share[0] - right.sum() / served.sum()) <= Z_95 * share[1]
        naive.append(hits.sum() / (hits + misses).sum())
    assert 0.93 <= covered / months <= 0.97
    assert np.mean(naive) < 0.85 - 0.1


def weighted_share_of_counts(
    hits: np.ndarray, misses: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """Value and error of `weighted_share` without a row each; a test holds the two together."""
    value = hits @ weights / ((hits + misses) @ weights)
    heavy = weights.max()
    total = (hits + misses) @ weights + 4 * heavy
    share = (hits @ weights + 2 * heavy) / total
    squares = (hits @ weights**2 + 2 * heavy**2) * (1 - share) ** 2
    squares += (misses @ weights**2 + 2 * heavy**2) * share**2
    return float(value), float(np.sqrt(squares) / total)


def test_counting_kinds_of_rows_gives_the_same_share() -> None:
    hits, misses, chances = np.array([30, 4]), np.array([2, 5]), np.array([0.1, 0.7])
    rows = np.repeat([True, True, False, False], [30, 4, 2, 5])
    share = weighted_share(rows, np.repeat([0.1, 0.7, 0.1, 0.7], [30, 4, 2, 5]))
    assert (share.value, share.standard_error) == pytest.approx(
        weighted_share_of_counts(hits, misses, 1 / chances)
    )


@pytest.mark.parametrize("truth", [0.3, 0.85, 0.97])
@pytest.mark.parametrize("labels", [3, 10, 40, 400])
def test_intervals_hold_on_few_labels_too(truth: float, labels: int) -> None:
    hits = np.arange(labels + 1)
    intervals = [share_estimate(np.arange(labels) < each, np.full(labels, 0.3)) for each in hits]
    chances = binom.pmf(hits, labels, truth)
    covered = sum(
        chance
        for one, chance in zip(intervals, chances, strict=True)
        if one.low <= truth <= one.high
    )
    assert covered >= (0.93 if labels > 3 else 0.9)
    assert all(one.low <= one.value <= one.high for one in intervals)
