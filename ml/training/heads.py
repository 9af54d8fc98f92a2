"""Fit the heads of the image model on feature vectors: logistic, perceptron, boosted trees."""

from dataclasses import dataclass

import numpy as np
import xgboost
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from ml.models.heads import DenseHead, Features, Head, Layer, TreeHead
from ml.stats import weighting
from ml.training.rows import FloatArray, IntArray

MAX_COMPONENTS = 256
TREE_COMPONENTS = 64
REGULARISATION = (0.003, 0.01, 0.03, 0.1, 1.0)
"""Inverse strengths tried for the logistic head; few pictures want a small one."""


@dataclass(frozen=True)
class Examples:
    """Feature vectors [n, d], indices of their classes [n], and what each row counts for [n].

    A training row counts for its class's weight, a validation row for 1 / inclusion probability.
    """

    features: Features
    targets: IntArray
    weights: FloatArray


def capped_class_weights(targets: IntArray, *, max_class_weight: float) -> FloatArray:
    """Weight [classes] that balances the classes; the rarest gets at most so many times the least.

    Without the cap a class of three products would outshout one of thousands. The mean over the
    rows is 1.

    >>> capped_class_weights(np.array([0] * 90 + [1] * 10), max_class_weight=5).round(2).tolist()
    [0.71, 3.57]
    """
    counts = np.bincount(targets)
    weights = np.minimum(counts.max() / np.maximum(counts, 1), max_class_weight)
    scaled: FloatArray = weights / np.average(weights, weights=counts)
    return scaled


def weighted_f1(head: Head, rows: Examples) -> float:
    """Weighted F1 of a head's answers."""
    probabilities = head.predict_proba(rows.features)
    confusion = weighting.confusion_matrix(
        rows.targets, probabilities.argmax(axis=1), rows.weights, classes=probabilities.shape[1]
    )
    return weighting.weighted_f1(confusion)


def fit_projection(features: Features) -> Layer:
    """Whitened principal components, at most MAX_COMPONENTS, most important first."""
    width = min(MAX_COMPONENTS, features.shape[1], len(features) - 1)
    solver = "covariance_eigh" if len(features) > features.shape[1] else "full"
    pca = PCA(width, svd_solver=solver).fit(features)
    # A component without variance (fewer distinct pictures than components) must not blow up.
    deviations = np.sqrt(np.maximum(pca.explained_variance_, 1e-6 * pca.explained_variance_[0]))
    weights = pca.components_ / deviations[:, None]
    return Layer(weights.astype(np.float32), (-weights @ pca.mean_).astype(np.float32))


def fit_logistic(projection: Layer, train: Examples, validation: Examples) -> DenseHead:
    """Multinomial logistic regression on the components, strength chosen on validation F1.

    The projection is folded in: the head reads the features themselves.
    """
    inputs = projection.apply(train.features)

    def fit(strength: float) -> DenseHead:
        model = LogisticRegression(C=strength, max_iter=300)
        model.fit(inputs, train.targets, sample_weight=train.weights)
        return DenseHead((_two_sided(model).after(projection),))

    return max(
        (fit(strength) for strength in REGULARISATION), key=lambda h: weighted_f1(h, validation)
    )


def _two_sided(model: LogisticRegression) -> Layer:
    """One line of coefficients a class; scikit-learn gives a single one for two classes."""
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.hstack([-bias / 2, bias / 2])
    return Layer(weights.astype(np.float32), bias.astype(np.float32))


def fit_trees(projection: Layer, train: Examples, validation: Examples, *, seed: int) -> TreeHead:
    """XGBoost on the first components, stopped when the validation log loss stalls."""
    narrow = Layer(projection.weights[:TREE_COMPONENTS], projection.bias[:TREE_COMPONENTS])
    matrices = [
        xgboost.DMatrix(narrow.apply(rows.features), label=rows.targets, weight=rows.weights)
        for rows in (train, validation)
    ]
    parameters = {
        "objective": "multi:softprob",
        "num_class": int(train.targets.max()) + 1,
        "eval_metric": "mlogloss",
        "tree_method": "hist",
        "max_bin": 64,
        "max_depth": 4,
        "eta": 0.2,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "min_child_weight": 2,
        "seed": seed,
    }
    booster = xgboost.train(
        parameters,
        matrices[0],
        num_boost_round=60,
        evals=[(matrices[1], "validation")],
        early_stopping_rounds=5,
        verbose_eval=False,
    )
    return TreeHead(narrow, booster[: booster.best_iteration + 1])
