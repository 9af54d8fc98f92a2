"""The KS distance against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from ml.stats.ks import ks_distance

FINITE = st.floats(-10, 10).map(lambda value: round(value, 1))  # with ties
SAMPLES = st.lists(FINITE, min_size=1, max_size=40).map(np.array)


@pytest.mark.filterwarnings("ignore:ks_2samp. Exact calculation:RuntimeWarning")
@given(SAMPLES, SAMPLES)
def test_the_distance_is_scipys_statistic(reference: np.ndarray, current: np.ndarray) -> None:
    expected = ks_2samp(reference, current).statistic
    assert abs(ks_distance(reference, current) - expected) < 1e-12


@given(SAMPLES)
def test_a_sample_has_no_distance_to_itself_and_full_distance_to_what_lies_beyond(
    sample: np.ndarray,
) -> None:
    assert ks_distance(sample, sample) == 0.0
    assert ks_distance(sample, sample + 100.0) == 1.0
