"""Windows never overlap, wait for the reference, and are the same each time."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.drift.windows import WindowPolicy, read_windows, span
from tests.examples import START, a_prediction
from tests.fakes import FakeServices

POLICY = WindowPolicy(reference_products=10, window_products=5, window_days=None)
END = START + timedelta(days=365)


def served(hours: list[float], version: int = 1) -> FakeServices:
    """A prediction log with an answer at each of these hours."""
    services = FakeServices()
    services.predictions.append(
        [
            a_prediction(number, model_version=version, predicted_at=START + timedelta(hours=hour))
            for number, hour in enumerate(hours)
        ]
    )
    return services


def hours(start: float, end: float) -> tuple[datetime, datetime]:
    return START + timedelta(hours=start), START + timedelta(hours=end)


def test_the_first_products_are_compared_with_the_last() -> None:
    windows = read_windows(served(list(range(30))).windows, 1, as_of=END, policy=POLICY)
    reference, current = span(windows.reference), span(windows.current)
    assert (reference.start, reference.end, reference.products) == (*hours(0, 9), 10)
    assert (current.start, current.end, current.products) == (*hours(25, 29), 5)
    assert windows.products == 5


def test_what_came_after_the_time_is_not_seen() -> None:
    as_of = START + timedelta(hours=20)
    windows = read_windows(served(list(range(30))).windows, 1, as_of=as_of, policy=POLICY)
    assert span(windows.current).end == as_of


@pytest.mark.parametrize(("answers", "products"), [(0, 0), (4, 0), (10, 0), (13, 3), (40, 5)])
def test_the_current_window_begins_when_the_reference_is_full(answers: int, products: int) -> None:
    windows = read_windows(served(list(range(answers))).windows, 1, as_of=END, policy=POLICY)
    assert windows.products == products


def test_other_versions_do_not_count() -> None:
    windows = read_windows(served(list(range(30)), 2).windows, 1, as_of=END, policy=POLICY)
    assert windows.products == 0


def test_a_window_of_days_is_a_sample_of_them() -> None:
    policy = WindowPolicy(reference_products=10, window_products=6, window_days=2)
    as_of = START + timedelta(hours=99)
    windows = read_windows(served(list(range(100))).windows, 1, as_of=as_of, policy=policy)
    current = span(windows.current)
    assert current.products == 6
    assert START + timedelta(hours=51) <= current.start < START + timedelta(hours=60)
    assert current.end >= START + timedelta(hours=90)


@given(
    st.lists(st.integers(0, 20), max_size=40),
    st.sampled_from([None, 0.25, 10.0]),
    st.integers(0, 20),
)
def test_windows_share_no_product(times, window_days, now) -> None:
    policy = WindowPolicy(reference_products=8, window_products=6, window_days=window_days)
    as_of = START + timedelta(hours=now)
    windows = read_windows(served(times).windows, 1, as_of=as_of, policy=policy)
    seen = [window["prediction_id"].to_pylist() for window in (windows.reference, windows.current)]
    assert not set(seen[0]) & set(seen[1])
    if windows.products:
        assert span(windows.reference).end < span(windows.current).start
        assert span(windows.current).end <= as_of
