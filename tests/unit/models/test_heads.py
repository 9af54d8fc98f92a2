from itertools import pairwise

import numpy as np
import pytest
import torch
import xgboost
from torch import nn

from ml.models.heads import DenseHead, Layer, TreeHead

RNG = np.random.default_rng(7)
FEATURES = RNG.normal(size=(20, 6)).astype(np.float32)


def layer(inputs: int, outputs: int) -> Layer:
    return Layer(
        RNG.normal(size=(outputs, inputs)).astype(np.float32),
        RNG.normal(size=outputs).astype(np.float32),
    )


def as_torch(head: DenseHead) -> nn.Sequential:
    modules: list[nn.Module] = []
    for each in head.layers:
        linear = nn.Linear(*reversed(each.weights.shape))
        linear.load_state_dict(
            {"weight": torch.from_numpy(each.weights), "bias": torch.from_numpy(each.bias)}
        )
        modules += [linear, nn.GELU()]
    return nn.Sequential(*modules[:-1], nn.Softmax(dim=1))


@pytest.mark.parametrize("widths", [(6, 3), (6, 8, 3), (6, 8, 4, 3)])
def test_dense_layers_compute_what_torch_computes(widths):
    head = DenseHead(tuple(layer(*pair) for pair in pairwise(widths)))
    with torch.inference_mode():
        expected = as_torch(head)(torch.from_numpy(FEATURES)).numpy()
    np.testing.assert_allclose(head.predict_proba(FEATURES), expected, atol=1e-5)


def test_a_layer_folded_into_the_next_computes_the_same():
    first, second = layer(6, 4), layer(4, 3)
    folded = second.after(first).apply(FEATURES)
    np.testing.assert_allclose(folded, second.apply(first.apply(FEATURES)), rtol=1e-4, atol=1e-4)


def test_dense_heads_survive_storage_beside_others():
    heads = {"a": DenseHead((layer(6, 3),)), "ab": DenseHead((layer(6, 5), layer(5, 3)))}
    arrays = {}
    for name, head in heads.items():
        arrays |= head.to_arrays(name)
    for name, head in heads.items():
        np.testing.assert_array_equal(
            DenseHead.from_arrays(arrays, name).predict_proba(FEATURES),
            head.predict_proba(FEATURES),
        )


def test_trees_survive_storage_and_give_distributions():
    projection, targets = layer(6, 4), np.arange(20) % 3
    data = xgboost.DMatrix(projection.apply(FEATURES), label=targets)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 5)
    head = TreeHead(projection, booster)
    loaded = TreeHead.from_bytes(head.to_bytes(), projection)
    probabilities = loaded.predict_proba(FEATURES)
    np.testing.assert_array_equal(probabilities, head.predict_proba(FEATURES))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert loaded.to_bytes() == head.to_bytes()
