import html
import io
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.simulation.categories import CATEGORIES, CONFUSABLE
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import WEEKDAY_VOLUME, Marketplace
from ml.simulation.pictures import SIDE, Camera
from ml.simulation.texts import MAX_DESCRIPTION, MAX_TITLE

COUNT = 6_000


@pytest.fixture(scope="module", params=[1, 42])
def items(request: pytest.FixtureRequest) -> list[SimulatedProduct]:
    """Products without pictures, which these tests need not wait for."""
    return list(Marketplace(seed=request.param, camera=None).products(COUNT))


def test_27_categories_13_to_1(items: list[SimulatedProduct]) -> None:
    counts = Counter(item.category for item in items)
    assert set(counts) == {category.code for category in CATEGORIES}
    assert len(counts) == 27
    shares = [category.share for category in CATEGORIES]
    assert max(shares) / min(shares) == 13
    ((largest, most),) = counts.most_common(1)
    assert largest == "2583"
    assert 8 <= most / min(counts.values()) <= 20


def test_titles_are_as_long_as_in_product_md(items: list[SimulatedProduct]) -> None:
    lengths = [len(item.title) for item in items]
    assert 65 <= mean(lengths) <= 77
    assert min(lengths) >= 3
    assert 180 <= max(lengths) <= MAX_TITLE


def test_a_third_of_the_descriptions_is_missing_and_some_are_long(
    items: list[SimulatedProduct],
) -> None:
    lengths = [len(item.description) for item in items if item.description]
    assert 0.30 <= 1 - len(lengths) / COUNT <= 0.40
    assert 400 <= mean(lengths) <= 500
    assert 3_000 <= max(lengths) <= MAX_DESCRIPTION


def test_three_in_a_hundred_titles_repeat_within_their_category(
    items: list[SimulatedProduct],
) -> None:
    titles = {item.title for item in items}
    assert 0.02 <= 1 - len(titles) / COUNT <= 0.04
    assert len({(item.title, item.category) for item in items}) == len(titles)


def test_four_in_five_are_french(items: list[SimulatedProduct]) -> None:
    shares = {code: count / COUNT for code, count in Counter(i.language for i in items).items()}
    assert 0.74 <= shares["fr"] <= 0.86
    assert shares["en"] + shares["de"] > 0.08
    assert set(shares) == {"fr", "en", "de", "es", "it"}


def test_html_entities_references_and_typos_occur(items: list[SimulatedProduct]) -> None:
    described = [item.description for item in items if item.description]
    assert 0.2 <= mean("</" in text or "<br />" in text for text in described) <= 0.8
    assert mean(html.unescape(text) != text for text in described) > 0.1
    assert mean(bool(re.search(r"[A-Z]{2}[- ]?\d{2,4}\b", item.title)) for item in items) > 0.1
    words = Counter(word for item in items for word in item.title.lower().split())
    assert words["piscine"] > 20
    assert any(words[typo] for typo in ("picsine", "piscne", "pisicne", "piscinne", "pisccine"))


def test_each_seller_sells_a_few_categories(items: list[SimulatedProduct]) -> None:
    sold: dict[str, set[str]] = {}
    for item in items:
        sold.setdefault(item.seller, set()).add(item.category)
    assert len(sold) > 30
    assert mean(map(len, sold.values())) < 9
    assert all(sum(code in codes for codes in sold.values()) >= 4 for code in CONFUSABLE)


def test_volume_follows_the_weekday(items: list[SimulatedProduct]) -> None:
    weeks = COUNT // 350  # 50 a day
    counts = Counter(item.listed_at.weekday() for item in items[: weeks * 350])
    for day, volume in enumerate(WEEKDAY_VOLUME):
        assert counts[day] / (weeks * 50) == pytest.approx(volume, rel=0.05)


@pytest.mark.parametrize(
    "opens", [datetime(2026, 1, 5, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)]
)
def test_products_are_listed_one_after_the_other(opens: datetime) -> None:
    marketplace = Marketplace(opens_at=opens, products_per_day=20)
    times = [marketplace.listed_at(index) for index in range(1_400)]
    assert times == sorted(times)
    assert opens <= times[0]
    assert (times[-1] - opens).days == 69
    weekend = sum(time.weekday() == 5 for time in times) / 200
    assert weekend == pytest.approx(WEEKDAY_VOLUME[5], rel=0.1)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    index=st.integers(0, 100_000),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_a_product_is_the_same_however_many_are_asked_for(
    seed: int, index: int, before: int, after: int
) -> None:
    marketplace = Marketplace(seed=seed)
    start = max(0, index - before)
    asked = list(marketplace.products(index - start + 1 + after, start=start))
    assert asked[index - start] == Marketplace(seed=seed).product(index)
    assert len({item.product_id for item in asked}) == len(asked)


def test_seeds_make_different_marketplaces() -> None:
    one, other = (list(Marketplace(seed=s, camera=None).products(50)) for s in (1, 2))
    assert not {item.title for item in one} & {item.title for item in other}


def test_pictures_are_jpegs_of_500_pixels_often_with_white_borders() -> None:
    bordered = 0
    for item in Marketplace(seed=3).products(80):
        assert item.picture is not None
        image = Image.open(io.BytesIO(item.picture))
        assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))
        pixels = np.asarray(image)
        bordered += bool((pixels[0] > 245).all() or (pixels[:, 0] > 245).all())
    assert 0.4 <= bordered / 80 <= 0.9


def test_another_camera_changes_the_pictures_and_nothing_else() -> None:
    usual = Marketplace(seed=5)
    dark = replace(usual, camera=Camera(brightness=0.5))
    for bright_item, dark_item in zip(usual.products(5), dark.products(5), strict=True):
        assert dark_item.picture is not None
        assert bright_item.picture is not None
        levels = [
            np.asarray(Image.open(io.BytesIO(picture))).min(axis=2)[200:300, 200:300].mean()
            for picture in (bright_item.picture, dark_item.picture)
        ]
        assert levels[1] < 0.7 * levels[0]
        assert replace(dark_item, picture=bright_item.picture) == bright_item


def test_confusable_categories_are_others_of_the_marketplace() -> None:
    for code, others in CONFUSABLE.items():
        assert others
        assert set(others) < set(CONFUSABLE) - {code}
