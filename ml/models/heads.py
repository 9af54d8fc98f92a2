"""Classifiers on feature vectors: dense layers computed with numpy, and boosted trees.

numpy rather than torch or scikit-learn, because serving answers one product at a time and their
cost per call would exceed the arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.special import erf, softmax

Features = NDArray[np.float32]
Probabilities = NDArray[np.float64]


class Head(Protocol):
    """Features [n, d] -> probabilities [n, k] of the learnt classes; rows sum to 1."""

    def predict_proba(self, features: Features) -> Probabilities: ...


@dataclass(frozen=True)
class Layer:
    """outputs = inputs @ weights.T + bias; weights [outputs, inputs], bias [outputs]."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def apply(self, inputs: Features) -> Features:
        return inputs @ self.weights.T + self.bias

    def after(self, earlier: "Layer") -> "Layer":
        """Both layers as one: a projection or scaling folds into the layer that follows it."""
        return Layer(
            (self.weights @ earlier.weights).astype(np.float32),
            (self.weights @ earlier.bias + self.bias).astype(np.float32),
        )


@dataclass(frozen=True)
class DenseHead:
    """Layers with GELU (its exact form) between them and softmax at the end.

    One layer is a linear classifier, several are a perceptron.
    """

    layers: tuple[Layer, ...]

    def predict_proba(self, features: Features) -> Probabilities:
        hidden = features
        for layer in self.layers[:-1]:
            hidden = _gelu(layer.apply(hidden))
        logits = self.layers[-1].apply(hidden).astype(np.float64)
        probabilities: Probabilities = softmax(logits, axis=1)
        return probabilities

    def to_arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        arrays = {}
        for i, layer in enumerate(self.layers):
            arrays[f"{prefix}.{i}.weights"] = np.ascontiguousarray(layer.weights)
            arrays[f"{prefix}.{i}.bias"] = np.ascontiguousarray(layer.bias)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]], prefix: str) -> "DenseHead":
        count = sum(
            1 for name in arrays if name.startswith(f"{prefix}.") and name.endswith(".bias")
        )
        return cls(
            tuple(
                Layer(arrays[f"{prefix}.{i}.weights"], arrays[f"{prefix}.{i}.bias"])
                for i in range(count)
            )
        )


@dataclass(frozen=True)
class TreeHead:
    """XGBoost on projected features (a few dozen dimensions; trees on all of them cost minutes)."""

    projection: Layer
    booster: xgboost.Booster

    def predict_proba(self, features: Features) -> Probabilities:
        predicted = self.booster.inplace_predict(self.projection.apply(features))
        # XGBoost's float32 rows sum to 1 only roughly.
        rows = np.asarray(predicted, dtype=np.float64)
        probabilities: Probabilities = rows / rows.sum(axis=1, keepdims=True)
        return probabilities

    def to_bytes(self) -> bytes:
        """The trees as UBJSON; the projection is kept with the other arrays."""
        return bytes(self.booster.save_raw("ubj"))

    @classmethod
    def from_bytes(cls, trees: bytes, projection: Layer) -> "TreeHead":
        # One thread: a row is too little to share out, and OpenMP's waiting costs more.
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(trees))
        return cls(projection, booster)


def _gelu(values: Features) -> Features:
    activated: Features = 0.5 * values * (1 + erf(values / np.float32(np.sqrt(2))))
    return activated
