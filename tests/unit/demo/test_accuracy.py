"""How often the served answers were right, and what version 1 would have been worth."""

from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.accuracy import Stretch, accuracy, fresh_ids, right_answers, share_right
from ml.demo.traffic import Answered
from ml.domain.digests import digest_bytes
from ml.domain.labels import Part
from ml.domain.predictions import Arm
from ml.simulation.items import SimulatedProduct
from ml.training.split import group_keys
from tests.fakes.bundles import tiny_bundle
from tests.fakes.training import InMemorySplitLedger

START = datetime(2026, 3, 1, tzinfo=UTC)


def product(name: str, category: str = "shoes") -> SimulatedProduct:
    return SimulatedProduct(name, name, "", None, category, START)


def answer(name: str, right: bool, version: int = 1, category: str = "shoes") -> Answered:
    return Answered(
        product=product(name, category),
        prediction_id=name,
        category=category if right else "hats",
        confidence=0.9,
        model_version=version,
        arm=Arm.CHAMPION,
        needs_review=False,
        heard_at=START,
    )


def stretch(number: int, *answers: Answered, stale: tuple[str, ...] = ()) -> Stretch:
    ids = {each.product.product_id for each in answers}
    start = START + number * timedelta(days=1)
    return Stretch(number, start, start + timedelta(days=1), answers, frozenset(ids - {*stale}))


STRETCHES = (
    stretch(1, answer("a1", True), answer("a2", True)),
    stretch(2, answer("b1", False), answer("b2", True), answer("b3", True), stale=("b3",)),
    stretch(3, answer("c1", False), answer("c2", False)),
    stretch(
        4,
        answer("d1", True, version=2),
        answer("d2", True, version=2, category="lamps"),
        answer("d3", False, version=2),
        answer("d4", False, version=3),
        answer("d5", True, version=2),
        stale=("d5",),
    ),
)


def test_every_figure_is_over_its_own_products() -> None:
    figures = accuracy(
        STRETCHES,
        changed=2,
        promoted=3,
        saboteur=3,
        first_right={"d3", "d4", "d5"},
        known=frozenset({"shoes"}),
    )
    assert figures.before == 1.0
    assert figures.drifted == pytest.approx(1 / 4)  # b1, b2, c1, c2
    assert (figures.after, figures.later_products) == (pytest.approx(2 / 3), 3)  # d1, d2, d3
    assert figures.first_version_on_later_products == pytest.approx(1 / 3)  # d3
    assert (figures.after_on_known_classes, figures.later_products_of_known_classes) == (0.5, 2)
    assert figures.first_version_on_known_classes == 0.5


def test_without_a_promotion_there_are_no_later_products() -> None:
    figures = accuracy(
        STRETCHES, changed=2, promoted=None, saboteur=None, first_right=set(), known=frozenset()
    )
    assert (figures.after, figures.first_version_on_later_products) == (None, None)
    assert figures.later_products == 0
    assert figures.drifted == pytest.approx(3 / 8)
    assert share_right([]) is None


def test_products_whose_title_or_picture_was_learnt_are_not_fresh() -> None:
    splits = InMemorySplitLedger()
    splits.record([], {group_keys("Red Shoe", None)[0]: Part.TRAIN})
    pictured = SimulatedProduct("p4", "other", "", b"jpeg", "shoes", START)
    products = [product("red shoe"), product("blue shoe"), pictured]
    assert fresh_ids(products, splits) == {"blue shoe", "p4"}
    splits.record([], {group_keys("", digest_bytes(b"jpeg"))[0]: Part.TEST})
    assert fresh_ids(products, splits) == {"blue shoe"}


def test_what_a_version_cannot_read_it_misses() -> None:
    products = [
        product("shoe one"),
        product("book one", "books"),
        product("book two", "shoes"),
        product("lamp", "lamps"),
        SimulatedProduct("wordless", "", "", None, "shoes", START),
    ]
    assert right_answers(tiny_bundle(), products) == {"shoe one", "book one"}
