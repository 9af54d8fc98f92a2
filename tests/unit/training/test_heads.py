import numpy as np
import pytest

from ml.models.heads import Layer
from ml.training.heads import (
    Examples,
    capped_class_weights,
    fit_logistic,
    fit_projection,
    fit_trees,
    weighted_f1,
)
from ml.training.perceptron import fit_perceptron


def examples(count: int, seed: int, classes: int = 3) -> Examples:
    """Gaussian classes in 12 dimensions, of which 3 tell them apart."""
    rng = np.random.default_rng(seed)
    targets = np.arange(count) % classes
    features = rng.normal(size=(count, 12)) * np.linspace(0.2, 3, 12) + 5
    features[np.arange(count), targets] += 2
    return Examples(features.astype(np.float32), targets, np.ones(count))


FITS = {
    "logistic": lambda train, validation: fit_logistic(
        fit_projection(train.features), train, validation
    ),
    "perceptron": lambda train, validation: fit_perceptron(train, validation, seed=1),
    "trees": lambda train, validation: fit_trees(
        fit_projection(train.features), train, validation, seed=1
    ),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("classes", [2, 3])
def test_heads_learn_and_answer_with_distributions(fit, classes):
    train, validation = examples(300, 1, classes), examples(90, 2, classes)
    head = fit(train, validation)
    fresh = examples(150, 3, classes)
    probabilities = head.predict_proba(fresh.features)
    assert probabilities.shape == (150, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert weighted_f1(head, fresh) > 0.9


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_the_same_rows_and_seed_give_the_same_head(fit):
    train, validation = examples(120, 1), examples(40, 2)
    first, second = fit(train, validation), fit(train, validation)
    fresh = examples(50, 3).features
    np.testing.assert_array_equal(first.predict_proba(fresh), second.predict_proba(fresh))


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_heavier_class_is_answered_more_often(fit):
    train, validation = examples(300, 1), examples(90, 2)
    weights = np.where(train.targets == 0, 30.0, 1.0)
    noise = np.random.default_rng(4).normal(size=(300, 12)).astype(np.float32) * 3
    blurred = Examples(train.features + noise, train.targets, train.weights)
    heavier = Examples(blurred.features, blurred.targets, weights)
    share = [
        (fit(rows, validation).predict_proba(blurred.features).argmax(axis=1) == 0).mean()
        for rows in (blurred, heavier)
    ]
    assert share[1] > share[0] + 0.1


def test_the_projection_whitens_and_orders_by_variance():
    features = examples(500, 1).features
    projected = fit_projection(features).apply(features)
    assert projected.shape == (500, 12)
    np.testing.assert_allclose(np.cov(projected.T), np.eye(12), atol=0.01)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_few_or_equal_pictures_give_a_finite_projection(count):
    features = np.ones((count, 12), dtype=np.float32)
    features[0] = 2
    projection = fit_projection(features)
    assert isinstance(projection, Layer)
    assert len(projection.weights) <= count - 1
    assert np.isfinite(projection.apply(features)).all()


def test_class_weights_balance_up_to_the_cap():
    targets = np.array([0] * 100 + [1] * 50 + [2] * 1)
    weights = capped_class_weights(targets, max_class_weight=10)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[2] / weights[0] == pytest.approx(10)
    assert np.average(weights[targets]) == pytest.approx(1)
