"""Where a catalogue is cut, and what is played of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.demo.plan import choose_cut, make_plan
from ml.domain.errors import InvalidInput
from ml.simulation.items import SimulatedProduct

START = datetime(2026, 1, 1, tzinfo=UTC)


def products(count: int) -> list[SimulatedProduct]:
    return [
        SimulatedProduct(f"p{i}", f"title {i}", "", None, "a", START + timedelta(hours=i))
        for i in range(count)
    ]


@given(count=st.integers(40, 400), cut=st.integers(0, 19))
def test_every_product_after_the_cut_is_played_once_and_in_order(count: int, cut: int) -> None:
    listed = products(count)
    plan = make_plan(listed, listed[cut].listed_at, first=10_000, later=5_000)
    played = [*plan.first.products, *plan.later.products]
    assert played == listed[cut:]
    assert all(item.listed_at < plan.first.end for item in plan.first.products)
    assert all(item.listed_at >= plan.later.start for item in plan.later.products)


def test_a_long_catalogue_is_played_as_far_as_asked() -> None:
    plan = make_plan(products(500), START, first=100, later=50)
    assert (len(plan.first.products), len(plan.later.products)) == (100, 50)
    assert plan.later.end == START + timedelta(hours=150)


def test_a_short_catalogue_keeps_the_proportion() -> None:
    plan = make_plan(products(30), START, first=100, later=50)
    assert (len(plan.first.products), len(plan.later.products)) == (20, 10)


def test_hardly_anything_to_play_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="--bootstrap-before"):
        make_plan(products(30), START + timedelta(hours=25))


def test_the_cut_is_a_year_where_one_fits_and_a_third_elsewhere() -> None:
    years = [datetime(2010 + i // 10, 6, 1 + i % 10, tzinfo=UTC) for i in range(60)]
    assert choose_cut(years) == datetime(2012, 1, 1, tzinfo=UTC)
    one_year = [START + timedelta(days=i) for i in range(90)]
    assert choose_cut(one_year) == one_year[30]
