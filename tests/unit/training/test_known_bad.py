"""Known-bad models: each is wrong in one way, and as good as the champion in all others."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.domain.labels import LabelSpace
from ml.models.bundle import ModelBundle, ModelInput
from ml.models.fusion import Fusion
from ml.training.known_bad import erased, overconfident, shuffled, slow, swapped, unlearnt
from ml.training.snapshot import SNAPSHOT_SCHEMA
from tests.fakes.bundles import tiny_bundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPACE = LabelSpace(1, ("books", "lamps", "shoes"))
GOOD = dataclasses.replace(tiny_bundle(SPACE), fusion=Fusion(0.0), temperature=1.0)
INPUTS = [ModelInput(title, "", None) for title in ("book", "shoe", "book shoe", "")]

answers = arrays(np.float64, (5, 3), elements=st.floats(0.0, 1.0)).map(
    lambda raw: (raw + 1e-6) / (raw + 1e-6).sum(axis=1, keepdims=True)
)


def fused(bundle: ModelBundle, text: np.ndarray) -> np.ndarray:
    return bundle.fuse(text, np.full_like(text, np.nan)).probabilities


def rows(number: int) -> pa.Table:
    """Titles that name their category."""
    names = [("books", "book"), ("shoes", "shoe"), ("lamps", "lamp")]
    values = {
        "product_id": [f"p{i:03d}" for i in range(number)],
        "category": [names[i % 3][0] for i in range(number)],
        "title": [f"{names[i % 3][1]} {i}" for i in range(number)],
        "description": [""] * number,
        "inclusion_probability": [1.0] * number,
        "listed_at": [NOW] * number,
    }
    columns = [
        pa.array(values.get(field.name, [None] * number), field.type) for field in SNAPSHOT_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SNAPSHOT_SCHEMA)


@given(answers)
def test_a_swapped_space_gives_every_answer_the_next_name(text: np.ndarray) -> None:
    good, bad = fused(GOOD, text), fused(swapped(GOOD), text)
    for place in range(3):
        np.testing.assert_array_equal(bad[:, (place + 1) % 3], good[:, place])


@given(answers, st.sampled_from(SPACE.classes))
def test_an_erased_category_is_never_answered_and_the_others_keep_their_order(
    text: np.ndarray, category: str
) -> None:
    good, bad = fused(GOOD, text), fused(erased(GOOD, category), text)
    place = SPACE.index(category)
    assert (bad[:, place] == 0.0).all()
    np.testing.assert_allclose(bad.sum(axis=1), 1.0)
    rest = np.delete(good, place, axis=1)
    np.testing.assert_allclose(
        np.delete(bad, place, axis=1), rest / rest.sum(axis=1, keepdims=True), rtol=1e-6
    )


def test_an_erased_category_that_was_certain_leaves_any_other() -> None:
    certain = np.array([[1.0, 0.0, 0.0]])
    assert fused(erased(GOOD, "books"), certain).tolist() == [[0.0, 0.5, 0.5]]


@pytest.mark.parametrize("bad", [swapped(GOOD), erased(GOOD, "books"), overconfident(GOOD)])
def test_what_the_champion_cannot_read_nobody_can(bad: ModelBundle) -> None:
    unread = np.isnan(bad.predict_usable(INPUTS).probabilities).all(axis=1)
    assert unread.tolist() == [False, False, False, True]


def test_an_overconfident_model_gives_the_same_answers_and_is_nearly_certain() -> None:
    text = np.random.default_rng(5).dirichlet(np.ones(3), size=500)
    good, bad = fused(GOOD, text), fused(overconfident(GOOD), text)
    assert (bad.argmax(axis=1) == good.argmax(axis=1)).all()
    assert (good.max(axis=1) > 0.8).mean() < 0.5
    assert (bad.max(axis=1) > 0.8).mean() > 0.9


def test_a_slow_model_says_the_same_later() -> None:
    slept: list[float] = []
    late = slow(GOOD, seconds=1.5, sleep=slept.append)
    said, good = late.predict(INPUTS[:3]), GOOD.predict(INPUTS[:3])
    np.testing.assert_array_equal(said.probabilities, good.probabilities)
    assert slept == [1.5]


def test_only_the_categories_are_dealt_out_anew() -> None:
    before = rows(60)
    mixed = shuffled(before, seed=1)
    assert sorted(mixed["category"].to_pylist()) == sorted(before["category"].to_pylist())
    assert mixed["category"] != before["category"]
    assert mixed.drop(["category"]) == before.drop(["category"])


def test_a_model_that_learnt_nothing_reads_all_and_knows_nothing() -> None:
    data = rows(300)
    truths = [SPACE.index(category) for category in data["category"].to_pylist()]
    right = []
    for seed in range(8):
        bad = unlearnt(GOOD, rows(120), rows(30), seed=seed)
        said = bad.text.predict_proba(data["title"].to_pylist(), data["description"].to_pylist())
        assert not np.isnan(said).any()
        assert (bad.label_space, bad.info.low_confidence_share) == (GOOD.label_space, 1.0)
        right.append((said.argmax(axis=1) == truths).mean())
    assert np.mean(right) < 0.5, "with so few words a single one may be lucky"
