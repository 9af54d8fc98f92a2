import numpy as np
import pytest

from ml.domain.errors import InvalidInput, NotFound
from ml.models.bundle import ModelInput
from ml.training import rows as rows_module
from ml.training.rows import class_indices, modality_probabilities, model_inputs, row_weights
from tests.unit.training.answers import SpokenPictures, bundle, spoken
from tests.unit.training.catalogue import SPACE, row, table


def picture_of(digest: str) -> bytes:
    if digest == "lost":
        raise NotFound(f"object {digest!r} does not exist")
    return spoken(*(float(digest == category) for category in SPACE.classes))


ROWS = table(
    [
        row("a", "games", title="console", picture="books"),
        row("b", "books", title="roman", picture=None, inclusion_probability=0.2),
        row("c", "garden", title="pelle", picture="lost"),
        row("d", "garden", title="", picture="garden"),
    ]
)


def test_categories_are_read_in_the_label_space():
    assert class_indices(ROWS, SPACE).tolist() == [1, 0, 2, 2]
    with pytest.raises(InvalidInput, match="animals"):
        class_indices(table([row("x", "animals")]), SPACE)


def test_a_row_weighs_what_it_stands_for():
    assert row_weights(ROWS).tolist() == [1, 5, 1, 1]


def test_a_lost_picture_is_no_picture():
    pictures = [item.picture for item in model_inputs(ROWS, picture_of)]
    assert pictures == [spoken(1.0, 0.0, 0.0), None, None, spoken(0.0, 0.0, 1.0)]
    assert model_inputs(ROWS, picture_of)[1] == ModelInput("roman", "", None)


@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_chunks_do_not_show_in_the_answer(monkeypatch, chunk):
    monkeypatch.setattr(rows_module, "CHUNK", chunk)
    text, image = modality_probabilities(bundle().text, SpokenPictures(), ROWS, picture_of)
    assert np.isnan(text[:, 0]).tolist() == [False, False, False, True]
    assert np.isnan(image[:, 0]).tolist() == [False, True, True, False]
    assert image[[0, 3]].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert text[:3].argmax(axis=1).tolist() == [1, 0, 2]


def test_no_rows_no_answers():
    text, image = modality_probabilities(bundle().text, None, ROWS.slice(4), picture_of)
    assert text.shape == image.shape == (0, 3)
