"""Benjamini and Hochberg's procedure against scipy's, and the rate it promises."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from ml.stats.multiplicity import benjamini_hochberg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array))
def test_adjusted_values_are_scipys(p_values: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values))


def test_nothing_tested_is_nothing_found() -> None:
    assert benjamini_hochberg(np.array([])).tolist() == []


def test_the_share_of_false_discoveries_stays_under_its_rate() -> None:
    """Ten real shifts among fifty tests."""
    rng = np.random.default_rng(3)
    real = np.arange(50) < 10
    shares = []
    for _ in range(400):
        found = benjamini_hochberg(norm.sf(rng.normal(size=50) + 3.5 * real)) <= 0.1
        shares.append((found & ~real).sum() / max(found.sum(), 1))
    assert 0.04 < np.mean(shares) < 0.1
