from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import xgboost

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.heads import DenseHead, Layer, TreeHead
from ml.models.image import ImageModel, Member, Source
from ml.models.voting import soft_vote
from tests.unit.models.drawings import CATEGORIES, draw
from tests.unit.training.studio import tiny_backbone

SPACE = LabelSpace(3, ("a", "b", "c", "d", "e"))
LEARNT = (3, 0, 2)
RNG = np.random.default_rng(11)
WIDTH = 96


def layer(inputs: int, outputs: int) -> Layer:
    weights = RNG.normal(size=(outputs, inputs)).astype(np.float32) * 3
    return Layer(weights, RNG.normal(size=outputs).astype(np.float32))


def trees() -> TreeHead:
    projection, features = layer(WIDTH, 4), RNG.normal(size=(60, WIDTH)).astype(np.float32)
    data = xgboost.DMatrix(projection.apply(features), label=np.arange(60) % 3)
    return TreeHead(
        projection, xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 4)
    )


def tuned_copy(frozen):
    state = frozen.module.state_dict()
    name = next(name for name in state if name.endswith("bn1.bias"))
    return frozen.with_weights(safetensors.torch.save({name: state[name] + 1}))


@pytest.fixture(scope="module")
def model():
    """One head of each kind on both networks, without any training."""
    frozen = tiny_backbone()
    members = (
        Member("linear", Source.FROZEN, DenseHead((layer(WIDTH, 3),)), 0.25, 1.0),
        Member("deep", Source.FROZEN, DenseHead((layer(WIDTH, 8), layer(8, 3))), 0.25, 2.0),
        Member("trees", Source.FROZEN, trees(), 0.25, 3.0),
        Member("network", Source.TUNED, DenseHead((layer(WIDTH, 3),)), 0.25, 1.0),
    )
    return ImageModel(SPACE, LEARNT, frozen, tuned_copy(frozen), members, max_pixels=10_000)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(4)
    return [draw(CATEGORIES[i % 3], rng) for i in range(70)]


def test_rows_are_distributions_over_the_learnt_classes(model, pictures):
    probabilities = model.predict_proba(pictures)
    assert probabilities.shape == (70, 5)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, [1, 4]] == 0).all()
    assert (probabilities[:, list(LEARNT)] > 0).all()


def test_each_probability_stands_at_its_class(model, pictures):
    renumbered = replace(model, learnt=(0, 1, 2))
    np.testing.assert_array_equal(
        model.predict_proba(pictures)[:, list(LEARNT)], renumbered.predict_proba(pictures)[:, :3]
    )


def test_the_answer_is_the_vote_of_the_members(model, pictures):
    alone = [
        replace(model, members=(replace(member, weight=1.0, exponent=1.0),))
        for member in model.members
    ]
    answers = [one.predict_proba(pictures)[:, list(LEARNT)] for one in alone]
    expected = soft_vote(answers, [0.25] * 4, [1.0, 2.0, 3.0, 1.0])
    np.testing.assert_allclose(model.predict_proba(pictures)[:, list(LEARNT)], expected)
    assert np.abs(answers[0] - answers[3]).max() > 0.01


def test_unreadable_and_too_large_pictures_are_nan_rows_beside_the_others(model, pictures):
    large = draw("discs", np.random.default_rng(1), side=101)
    mixed = [b"", pictures[0], b"broken", large, pictures[1]]
    probabilities = model.predict_proba(mixed)
    assert np.isnan(probabilities).all(axis=1).tolist() == [True, False, True, True, False]
    np.testing.assert_allclose(
        probabilities[[1, 4]], model.predict_proba(pictures[:2]), rtol=1e-3, atol=1e-5
    )


def test_no_pictures_and_no_readable_pictures_are_no_error(model):
    assert model.predict_proba([]).shape == (0, 5)
    assert np.isnan(model.predict_proba([b"", b""])).all()


def test_an_answer_does_not_depend_on_its_neighbours(model, pictures):
    together = model.predict_proba(pictures)
    for row in (0, 64, 69):
        np.testing.assert_allclose(
            model.predict_proba([pictures[row]])[0], together[row], rtol=1e-3, atol=1e-5
        )


def test_a_loaded_model_answers_exactly_alike(model, pictures):
    files = model.to_files()
    loaded = ImageModel.from_files(files, label_space=SPACE)
    np.testing.assert_array_equal(loaded.predict_proba(pictures), model.predict_proba(pictures))
    assert loaded.to_files() == files
    assert {name.partition("/")[0] for name in files} == {"image"}
    assert {name.rpartition(".")[2] for name in files} == {"json", "safetensors", "ubj"}


def test_a_grown_label_space_leaves_the_answers_where_they_were(model, pictures):
    grown = SPACE.extend(["f"])
    loaded = ImageModel.from_files(model.to_files(), label_space=grown)
    probabilities = loaded.predict_proba(pictures)
    np.testing.assert_array_equal(probabilities[:, :5], model.predict_proba(pictures))
    assert (probabilities[:, 5] == 0).all()


def test_a_foreign_label_space_is_refused(model):
    with pytest.raises(InvalidInput, match="'d' is not in label space"):
        ImageModel.from_files(model.to_files(), label_space=LabelSpace(1, ("a", "b")))
