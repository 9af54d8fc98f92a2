"""Where a catalogue is cut, and what is played of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.demo.plan import catalogue_plan, choose_cut, market_plan
from ml.domain.errors import InvalidInput
from ml.simulation.drift import DriftingMarketplace, drifted
from ml.simulation.marketplace import Marketplace

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A catalogue's row."""

    product_id: str
    listed_at: datetime
    title: str = "title"
    description: str = ""
    category: str = "a"
    picture: Path | None = None


def rows(count: int) -> list[Row]:
    return [Row(f"p{i:03d}", START + timedelta(hours=i)) for i in range(count)]


@given(
    count=st.integers(40, 300),
    cut=st.integers(0, 19),
    takes=st.lists(st.integers(0, 90), max_size=9),
)
def test_every_product_after_the_cut_arrives_once_and_in_order(
    count: int, cut: int, takes: list[int]
) -> None:
    listed = rows(count)
    shuffled = listed[::2] + listed[1::2]
    plan = catalogue_plan(shuffled, listed[cut].listed_at, stretch=100, stretches=14)
    arrived = []
    for size in takes:
        expected = plan.arrivals.next_at
        batch = plan.arrivals.take(size)
        assert not batch or batch[0].listed_at == expected
        arrived += batch
    arrived += plan.arrivals.take(count)
    assert [each.product_id for each in arrived] == [row.product_id for row in listed[cut:]]
    assert plan.arrivals.next_at is None


def test_a_long_catalogue_is_thinned_evenly() -> None:
    plan = catalogue_plan(rows(1_000), START, stretch=50, stretches=8)
    arrived = plan.arrivals.take(1_000)
    assert len(arrived) == 400
    gaps = {
        (later.listed_at - earlier.listed_at) / timedelta(hours=1)
        for earlier, later in pairwise(arrived)
    }
    assert gaps == {2, 3}
    assert plan.stretches == 8


def test_a_short_catalogue_has_fewer_stretches() -> None:
    assert catalogue_plan(rows(130), START, stretch=50, stretches=8).stretches == 3


def test_hardly_anything_to_play_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="--bootstrap-before"):
        catalogue_plan(rows(30), START + timedelta(hours=25), stretch=50, stretches=8)


def test_a_made_marketplace_changes_where_a_stretch_begins() -> None:
    before = Marketplace(seed=3, camera=None)
    market = DriftingMarketplace(before, drifted(before), changes_at=50)
    plan = market_plan(market, bootstrap=20, stretch=10, stretches=6)
    assert plan.changes_after == 3
    plan.arrivals.take(30)
    (first_changed,) = plan.arrivals.take(1)
    assert first_changed == drifted(before).product(50) != before.product(50)


def test_the_cut_is_a_year_where_one_fits_and_a_third_elsewhere() -> None:
    years = [datetime(2010 + i // 10, 6, 1 + i % 10, tzinfo=UTC) for i in range(60)]
    assert choose_cut(years) == datetime(2012, 1, 1, tzinfo=UTC)
    one_year = [START + timedelta(days=i) for i in range(90)]
    assert choose_cut(one_year) == one_year[30]
