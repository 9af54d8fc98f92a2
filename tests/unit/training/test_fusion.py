import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.stats.calibration import apply_temperature, log_loss
from ml.stats.weighting import accuracy, confusion_matrix, weighted_f1
from ml.training.fusion import IMAGE_WEIGHTS, fit_fusion, fuse
from ml.training.rows import class_indices
from tests.unit.training.answers import SpokenPictures, bundle, spoken
from tests.unit.training.catalogue import SPACE, catalogue


def opinions(rng, targets, *, reliability):
    """Probabilities that lean to the truth by `reliability`, with noise."""
    scores = rng.normal(size=(len(targets), 3))
    scores[np.arange(len(targets)), targets] += reliability
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def f1(fusion, text, image, targets, weights):
    predicted = fusion.combine(text, image).argmax(axis=1)
    return weighted_f1(confusion_matrix(targets, predicted, weights, classes=3))


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(0, 4), st.floats(0, 4))
def test_no_other_weight_is_better_on_the_validation_rows(seed, text_says, image_says):
    rng = np.random.default_rng(seed)
    targets, weights = rng.integers(0, 3, 60), rng.uniform(1, 5, 60)
    text = opinions(rng, targets, reliability=text_says)
    image = opinions(rng, targets, reliability=image_says)
    fusion, _ = fit_fusion(text, image, targets, weights)
    assert fusion.image_weight in IMAGE_WEIGHTS
    chosen = f1(fusion, text, image, targets, weights)
    others = [f1(type(fusion)(each), text, image, targets, weights) for each in IMAGE_WEIGHTS]
    assert chosen == pytest.approx(max(others))


def test_each_modality_that_knows_something_gets_weight_and_noise_gets_little():
    rng = np.random.default_rng(1)
    targets, weights = rng.integers(0, 3, 3000), np.ones(3000)
    good, also = (opinions(rng, targets, reliability=2.0) for _ in range(2))
    noise = opinions(rng, targets, reliability=0.0)
    assert 0.3 <= fit_fusion(good, also, targets, weights)[0].image_weight <= 0.7
    assert fit_fusion(good, noise, targets, weights)[0].image_weight <= 0.15
    assert fit_fusion(noise, good, targets, weights)[0].image_weight >= 0.85


def test_on_equal_f1_the_better_calibrated_weight_wins_and_then_the_smaller():
    targets = np.array([0, 1, 0, 1])
    sure = np.array([[0.9, 0.1], [0.1, 0.9]] * 2)
    # Both are always right; the picture adds nothing to text that says exactly the same.
    assert fit_fusion(sure, sure, targets, np.ones(4))[0].image_weight == 0.0
    # Here every weight under 1 is always right too, but the text can't tell the rows apart by much.
    text = np.array([[0.51, 0.49], [0.02, 0.98], [0.98, 0.02], [0.49, 0.51]])
    assert fit_fusion(text, sure, targets, np.ones(4))[0].image_weight > 0.5


def test_row_weights_decide():
    # The text is right on the first row only, the picture on the second only.
    text, image = np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([[0.1, 0.9], [0.1, 0.9]])
    targets = np.array([0, 1])
    assert fit_fusion(text, image, targets, np.array([9.0, 1.0]))[0].image_weight < 0.5
    assert fit_fusion(text, image, targets, np.array([1.0, 9.0]))[0].image_weight > 0.5


def test_the_temperature_is_that_of_the_fused_answer():
    rng = np.random.default_rng(2)
    targets, weights = rng.integers(0, 3, 500), np.ones(500)
    text, image = (opinions(rng, targets, reliability=1.5) for _ in range(2))
    fusion, temperature = fit_fusion(text, image, targets, weights)
    fused = fusion.combine(text, image)

    def loss(t):
        return log_loss(apply_temperature(fused, t), targets, weights)

    assert loss(temperature) <= min(loss(temperature * 1.05), loss(temperature / 1.05))


def test_rows_without_anything_usable_are_left_out():
    nan = np.full((1, 2), np.nan)
    text, image = np.array([[0.8, 0.2]]), np.array([[0.7, 0.3]])
    with_gap = fit_fusion(
        np.vstack([text, nan]), np.vstack([image, nan]), np.array([0, 1]), np.ones(2)
    )
    assert with_gap == fit_fusion(text, image, np.array([0]), np.ones(1))
    fusion, temperature = fit_fusion(nan, nan, np.array([0]), np.ones(1))
    assert (fusion.image_weight, temperature) == (0.0, 1.0)


def test_fusing_models_is_at_least_as_good_as_either_on_the_validation_rows():
    validation = catalogue(150, seed=5, noise=0.3)
    targets = class_indices(validation, SPACE)
    rng = np.random.default_rng(6)
    pictures = {
        str(i): spoken(*values)
        for i, values in enumerate(opinions(rng, targets, reliability=2.0).tolist())
    }
    validation = validation.set_column(
        validation.schema.get_field_index("picture"), "picture", [[*pictures]]
    )
    model = bundle(image=SpokenPictures())
    fusion, temperature, _ = fuse(model.text, model.image, validation, picture_of=pictures.get)
    text = model.text.predict_proba(
        validation["title"].to_pylist(), validation["description"].to_pylist()
    )
    image = np.array([json.loads(pictures[str(i)]) for i in range(150)])

    def right(probabilities):
        answers = probabilities.argmax(axis=1)
        return accuracy(confusion_matrix(targets, answers, np.ones(150), classes=3))

    assert temperature > 0
    assert right(fusion.combine(text, image)) > max(right(text), right(image))


def test_without_an_image_model_the_text_decides_alone():
    model = bundle()
    rows = catalogue(80, seed=3)
    fusion, temperature, fused = fuse(model.text, None, rows, picture_of={}.__getitem__)
    assert fusion.image_weight == 0.0
    assert temperature != 1.0
    assert fused.shape == (80, len(SPACE))
    np.testing.assert_allclose(fused.sum(axis=1), 1.0)


def test_without_validation_rows_the_text_decides_as_it_is():
    nothing = catalogue(0, seed=3)
    fusion, temperature, fused = fuse(bundle().text, None, nothing, picture_of={}.get)
    assert (fusion.image_weight, temperature, fused.shape) == (0.0, 1.0, (0, len(SPACE)))
