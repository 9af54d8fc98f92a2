"""Readings on their way through the cache."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.readings import Reading, from_entry, to_entry
from ml.signals.manifest import SIGNALS

SHARES = st.floats(0, 1, width=32)
PROBABILITIES = st.lists(SHARES, min_size=1, max_size=30).filter(any)
NUMBERS = st.dictionaries(
    st.sampled_from(SIGNALS), st.floats(allow_nan=False, allow_infinity=False)
)


@given(PROBABILITIES, NUMBERS)
def test_an_entry_gives_the_same_reading_back(
    probabilities: list[float], signals: dict[str, float]
) -> None:
    row = np.array(probabilities, dtype=np.float32)
    back = from_entry(to_entry(Reading(row, signals)), len(row))
    assert back is not None
    np.testing.assert_array_equal(back.probabilities, row)
    assert back.signals == signals


@given(PROBABILITIES, st.integers(1, 40))
def test_an_entry_of_another_number_of_classes_is_none(
    probabilities: list[float], classes: int
) -> None:
    row = np.array(probabilities, dtype=np.float32)
    found = from_entry(to_entry(Reading(row, {})), classes)
    assert (found is None) == (classes != len(row))


@given(st.binary(max_size=300))
def test_other_bytes_are_none_or_a_distribution(entry: bytes) -> None:
    found = from_entry(entry, 3)
    assert found is None or (
        np.isfinite(found.probabilities).all() and found.probabilities.sum() > 0
    )


def test_no_entry_is_none() -> None:
    assert from_entry(None, 3) is None
