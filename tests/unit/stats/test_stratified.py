"""Missing labels: what the stated model repairs, and what the bounds hold without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.stats.proportion import share_estimate, weighted_share
from ml.stats.stratified import MIN_LABELS, label_probabilities, missing_bounds

ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.integers(0, 5),
        st.floats(0.01, 1.0),
    ),
    min_size=1,
    max_size=40,
)


def test_missing_at_random_within_strata_is_repaired() -> None:
    """Hard products: right half of the time, 30 % labelled; easy ones: 95 % right, all labelled."""
    rng = np.random.default_rng(7)
    estimates, plain, covered = [], [], 0
    for _ in range(400):
        hard = rng.random(2_000) < 0.5
        hits = rng.random(2_000) < np.where(hard, 0.5, 0.95)
        labelled = rng.random(2_000) < np.where(hard, 0.3, 1.0)
        chances = np.where(hard, 0.5, 0.1)
        known = label_probabilities(chances, hard.astype(np.int64), labelled)[labelled]
        estimate = share_estimate(hits[labelled], known)
        truth = (0.5 / 0.5 * 0.5 + 0.5 / 0.1 * 0.95) / (0.5 / 0.5 + 0.5 / 0.1)
        covered += estimate.low <= truth <= estimate.high
        estimates.append(estimate.value)
        plain.append(weighted_share(hits[labelled], chances[labelled]).value)
    assert np.mean(estimates) == pytest.approx(truth, abs=0.003)
    assert np.mean(plain) > truth + 0.03
    assert 0.93 <= covered / 400 <= 0.985


def test_a_stratum_of_few_labels_joins_its_neighbour() -> None:
    strata = np.repeat([0, 1, 9], 10)
    labelled = np.ones(30, bool)
    labelled[10 : 20 - MIN_LABELS + 1] = False  # one label too few
    known = label_probabilities(np.ones(30), strata, labelled)
    assert known[:10] == pytest.approx(1.0)
    assert known[10:] == pytest.approx((MIN_LABELS - 1 + 10) / 20)


@given(ROWS)
def test_labelled_rows_stand_for_all_that_was_drawn(rows) -> None:
    hits, labelled, strata, chances = map(np.array, zip(*rows, strict=True))
    known = label_probabilities(chances, strata, labelled)
    assert ((known > 0) & (known <= chances)).all()
    if labelled.any():
        assert (1 / known[labelled]).sum() == pytest.approx((1 / chances).sum())
        value = weighted_share(hits[labelled], known[labelled]).value
        assert 0 <= value <= 1 + 1e-9
    low, high = missing_bounds(hits, labelled, chances)
    assert -1e-9 <= low <= high <= 1
    full = weighted_share(hits, chances).value  # whatever the missing labels say
    assert low - 1e-9 <= full <= high + 1e-9


def test_without_rows_anything_may_be() -> None:
    none = np.zeros(0, bool)
    assert missing_bounds(none, none, np.zeros(0)) == (0.0, 1.0)
