import numpy as np
import pytest

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.text import MODEL_FILE, WEIGHTS_FILE, TextModel
from ml.training.text import train_text
from tests.unit.training.catalogue import SPACE, catalogue

TITLES = ["Console neuve", "", "tondeuse &eacute;dition", "zzzz", "<br/>", "\ud800"]
DESCRIPTIONS = ["manette", "", "", "", "&nbsp;", "roman"]


@pytest.fixture(scope="module")
def model():
    return train_text(catalogue(200, seed=1), catalogue(60, seed=2), label_space=SPACE, seed=42)


@pytest.fixture(scope="module")
def loaded(model):
    return TextModel.from_files(model.to_files(), label_space=SPACE)


def test_rows_with_text_are_distributions_and_rows_without_are_nan(model):
    probabilities = model.predict_proba(TITLES, DESCRIPTIONS)
    assert probabilities.shape == (6, 3)
    assert np.isnan(probabilities[[1, 4]]).all()
    np.testing.assert_allclose(probabilities[[0, 2, 3, 5]].sum(axis=1), 1)
    assert probabilities[0].argmax() == SPACE.index("games")


def test_a_loaded_model_answers_exactly_alike(model, loaded):
    np.testing.assert_array_equal(
        loaded.predict_proba(TITLES, DESCRIPTIONS), model.predict_proba(TITLES, DESCRIPTIONS)
    )
    assert loaded.to_files() == model.to_files()


def test_an_answer_does_not_depend_on_its_neighbours(model):
    together = model.predict_proba(TITLES, DESCRIPTIONS)
    alone = [
        model.predict_proba([title], [description])[0]
        for title, description in zip(TITLES, DESCRIPTIONS, strict=True)
    ]
    np.testing.assert_array_equal(together, np.array(alone))


def test_no_products_no_answers(model):
    assert model.predict_proba([], []).shape == (0, 3)


def test_a_newer_label_space_gets_probability_zero_for_what_is_new(model):
    newer = TextModel.from_files(model.to_files(), label_space=SPACE.extend(["animals"]))
    probabilities = newer.predict_proba(["console"], [""])
    np.testing.assert_array_equal(probabilities[:, :3], model.predict_proba(["console"], [""]))
    assert probabilities[0, 3] == 0


def test_known_words_are_counted_as_the_model_reads_them(loaded):
    known = next(term for term in loaded.words.terms if term.isalpha() and "e" in term)
    assert loaded.known_word_share(known) == 1
    assert loaded.known_word_share(f"{known.upper()}, <b>qqqq</b> {known} &eacute;qqq") == 0.5
    assert loaded.known_word_share(known.replace("e", "é")) == 1


@pytest.mark.parametrize("text", ["", "<br/>", "!? 7"])
def test_a_text_without_words_has_no_share_of_known_ones(loaded, text):
    assert loaded.known_word_share(text) is None


@pytest.mark.parametrize("name", [MODEL_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(model, name):
    files = model.to_files()
    del files[name]
    with pytest.raises(InvalidInput, match=name):
        TextModel.from_files(files, label_space=SPACE)


def test_another_format_is_refused(model):
    files = model.to_files()
    files[MODEL_FILE] = files[MODEL_FILE].replace(b'"format":1', b'"format":9')
    with pytest.raises(InvalidInput, match="format 9"):
        TextModel.from_files(files, label_space=SPACE)


def test_a_label_space_without_its_classes_is_refused(model):
    alien = TextModel.from_files(model.to_files(), label_space=LabelSpace(1, ("animals",)))
    with pytest.raises(InvalidInput, match="books"):
        alien.predict_proba(["console"], [""])
