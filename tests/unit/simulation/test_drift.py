import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.domain.errors import InvalidInput
from ml.simulation.categories import CATEGORIES, CONFUSABLE
from ml.simulation.drift import LATER_CAMERA, DriftingMarketplace, drifted
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace
from ml.simulation.pictures import Camera

WITHOUT_PICTURES = Marketplace(seed=42, camera=None)
COUNT = 4_000


def listed(marketplace: Marketplace, count: int = COUNT) -> list[SimulatedProduct]:
    return list(marketplace.products(count))


def shares(items: Iterable[SimulatedProduct]) -> dict[str, float]:
    counts = Counter(item.category for item in items)
    return {code: counts[code] / counts.total() for code in CONFUSABLE}


def words(item: SimulatedProduct) -> list[str]:
    """Words of the title, without numbers and references."""
    return [word for word in item.title.lower().split() if word.isalpha()]


def vocabulary(items: Iterable[SimulatedProduct]) -> set[str]:
    return {word for item in items for word in words(item)}


def unknown_share(items: Iterable[SimulatedProduct], known: set[str]) -> float:
    """Share of the titles' words that are not known."""
    said = [word for item in items for word in words(item)]
    return mean(word not in known for word in said)


def brightness(items: Iterable[SimulatedProduct]) -> float:
    """Mean of the pictures' middles, which no white border reaches."""
    return mean(
        np.asarray(Image.open(io.BytesIO(item.picture)))[200:300, 200:300].mean()
        for item in items
        if item.picture is not None
    )


def test_before_the_change_it_is_the_usual_marketplace_and_from_then_on_the_other() -> None:
    before = WITHOUT_PICTURES
    after = drifted(before)
    changing = list(DriftingMarketplace(before, after, 30).products(60))
    assert changing[:30] == listed(before, 30)
    assert changing[30:] == list(after.products(30, start=30))
    assert changing[30:] != list(before.products(30, start=30))


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    index=st.integers(0, 10_000),
    changes_at=st.integers(0, 10_000),
    earlier=st.integers(0, 3),
    later=st.integers(0, 3),
)
def test_a_product_is_the_same_however_many_are_asked_for(
    seed: int, index: int, changes_at: int, earlier: int, later: int
) -> None:
    def marketplace() -> DriftingMarketplace:
        before = Marketplace(seed=seed)
        return DriftingMarketplace(before, drifted(before), changes_at)

    start = max(0, index - earlier)
    asked = list(marketplace().products(index - start + 1 + later, start=start))
    assert asked[index - start] == marketplace().product(index)


def test_ids_and_times_go_on_as_if_nothing_had_changed() -> None:
    usual = WITHOUT_PICTURES
    changing = DriftingMarketplace(usual, drifted(usual), 20)
    for one, other in zip(changing.products(200), usual.products(200), strict=True):
        assert (one.product_id, one.listed_at) == (other.product_id, other.listed_at)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"opens_at": datetime(2025, 1, 1, tzinfo=UTC)}, {"products_per_day": 9.0}],
)
def test_marketplaces_of_different_time_lines_are_refused(change: dict[str, object]) -> None:
    other = replace(WITHOUT_PICTURES, **change)  # type: ignore[arg-type]  # one field at a time
    with pytest.raises(InvalidInput, match="keeps its seed"):
        DriftingMarketplace(WITHOUT_PICTURES, other, 20)


@pytest.mark.parametrize("seed", [1, 42])
def test_new_words_come_and_tell_the_category(seed: int) -> None:
    usual = Marketplace(seed=seed, camera=None)
    changed = listed(drifted(usual, mix_factor=1, camera=None))
    known = vocabulary(listed(usual))
    assert unknown_share(usual.products(1_000, start=COUNT), known) < 0.05
    assert unknown_share(changed, known) > 0.12

    in_categories: dict[str, Counter[str]] = {}
    for item in changed:
        for word in set(words(item)) - known:
            in_categories.setdefault(word, Counter())[item.category] += 1
    telling = [
        counts.most_common(1)[0][0]
        for counts in in_categories.values()
        if counts.total() >= 5 and max(counts.values()) > 0.5 * counts.total()
    ]
    assert set(telling) == set(CONFUSABLE)


@pytest.mark.parametrize("seed", [1, 42])
def test_some_categories_grow_some_shrink_and_all_stay(seed: int) -> None:
    usual = Marketplace(seed=seed, camera=None)
    changed = drifted(usual, mix_factor=2.5)
    usual_shares, changed_shares = shares(listed(usual)), shares(listed(changed))
    ratios = [changed_shares[code] / usual_shares[code] for code in CONFUSABLE]
    assert min(ratios) > 0
    assert sum(ratio > 1.5 for ratio in ratios) >= 6
    assert sum(ratio < 0.6 for ratio in ratios) >= 6
    relative = [
        new.share / old.share for new, old in zip(changed.categories, CATEGORIES, strict=True)
    ]
    assert Counter(round(ratio, 6) for ratio in relative) == {2.5: 9, 1.0: 9, 0.4: 9}


def test_the_later_camera_makes_darker_and_smaller_files() -> None:
    usual = Marketplace(seed=42)
    before = listed(usual, 60)
    after = listed(drifted(usual, renewed_words_share=0, mix_factor=1), 60)
    assert brightness(after) < 0.8 * brightness(before)
    assert [replace(item, picture=None) for item in after] == [
        replace(item, picture=None) for item in before
    ]


def test_without_new_words_titles_are_written_as_before() -> None:
    known = vocabulary(listed(WITHOUT_PICTURES))
    changed = drifted(WITHOUT_PICTURES, renewed_words_share=0)
    assert unknown_share(changed.products(1_000, start=COUNT), known) < 0.05


def test_without_another_mix_every_product_keeps_its_category() -> None:
    changed = listed(drifted(WITHOUT_PICTURES, mix_factor=1), 500)
    assert [item.category for item in changed] == [
        item.category for item in listed(WITHOUT_PICTURES, 500)
    ]


def test_without_another_camera_pictures_stay_as_bright() -> None:
    usual = Marketplace(seed=42)
    changed = drifted(usual, mix_factor=1, camera=None)
    assert brightness(listed(changed, 60)) == pytest.approx(brightness(listed(usual, 60)), rel=0.1)


def test_with_every_change_off_it_is_the_same_marketplace() -> None:
    usual = Marketplace(seed=7, camera=Camera(brightness=0.9))
    assert drifted(usual, renewed_words_share=0, mix_factor=1, camera=None) == usual


def test_a_marketplace_without_pictures_stays_without() -> None:
    assert drifted(WITHOUT_PICTURES, camera=LATER_CAMERA).camera is None
