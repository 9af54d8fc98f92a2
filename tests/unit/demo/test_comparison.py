"""Versions on the same later products."""

from datetime import UTC, datetime

import pytest

from ml.demo.comparison import compare, qualities_from_metrics
from ml.domain.labels import LabelSpace
from ml.simulation.items import SimulatedProduct
from tests.fakes.bundles import tiny_bundle

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


def product(title: str, category: str) -> SimulatedProduct:
    return SimulatedProduct(title, title, "", None, category, AS_OF)


PRODUCTS = [
    product("shoe one", "shoes"),
    product("shoe two", "shoes"),
    product("book one", "books"),
    product("lamp one", "lamps"),
]


def test_a_category_that_a_version_never_heard_of_counts_as_missed() -> None:
    everything, shared = compare({1: tiny_bundle()}, PRODUCTS, AS_OF)[1]
    assert (everything["fused"].rows, shared["fused"].rows) == (4, 3)
    assert everything["fused"].accuracy == pytest.approx(0.75)
    assert shared["fused"].accuracy == pytest.approx(1.0)
    assert everything["image"].rows == 0


def test_versions_are_compared_on_what_all_of_them_know() -> None:
    newer = tiny_bundle(LabelSpace(2, ("books", "shoes", "lamps")))
    figures = compare({1: tiny_bundle(), 2: newer}, PRODUCTS, AS_OF)
    assert {version: shared["fused"].rows for version, (_, shared) in figures.items()} == {
        1: 3,
        2: 3,
    }


def test_a_modality_without_rows_has_no_metrics() -> None:
    qualities = qualities_from_metrics(
        {"fused_rows": 3.0, "fused_weighted_f1": 0.5, "fused_accuracy": 0.6, "fused_macro_f1": 0.4}
    )
    assert (qualities["fused"].rows, qualities["fused"].weighted_f1) == (3, 0.5)
    assert qualities["image"].rows == 0
