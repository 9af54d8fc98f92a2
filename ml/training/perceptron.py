"""Fit a perceptron on feature vectors, stopped by its F1 on validation rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ml.models.heads import DenseHead, Features, Layer
from ml.training.heads import Examples, weighted_f1

HIDDEN = 512
DROPOUT = 0.3
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
BATCH_ROWS = 128
MAX_EPOCHS = 60
PATIENCE_EPOCHS = 10


def fit_perceptron(train: Examples, validation: Examples, *, seed: int) -> DenseHead:
    """One hidden layer with GELU and dropout, AdamW; the epoch with the best validation F1.

    Features are standardised, and the scaling is folded into the first layer. Runs on the CPU: the
    arithmetic is small.
    """
    scaling = _Scaling.of(train.features)
    best, best_score, best_epoch = None, -1.0, 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(train.features.shape[1], HIDDEN),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, int(train.targets.max()) + 1),
        )
        for epoch, _ in enumerate(_epochs(network, scaling, train)):
            head = _head(network, scaling)
            score = weighted_f1(head, validation)
            if best is None or score > best_score:
                best, best_score, best_epoch = head, score, epoch
            elif epoch - best_epoch >= PATIENCE_EPOCHS:
                break
    assert best is not None, "the first epoch always sets it"
    return best


@dataclass(frozen=True)
class _Scaling:
    """Zero mean and unit deviation of each feature; a constant one becomes 0."""

    mean: Features
    scale: Features

    @classmethod
    def of(cls, features: Features) -> "_Scaling":
        deviation = features.std(axis=0)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)
        return cls(features.mean(axis=0), scale)


def _epochs(network: nn.Sequential, scaling: _Scaling, train: Examples) -> Iterator[None]:
    """Train the network in place, yielding after each epoch."""
    inputs = torch.from_numpy((train.features - scaling.mean) * scaling.scale)
    targets, weights = torch.from_numpy(train.targets), torch.from_numpy(train.weights).float()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(MAX_EPOCHS):
        for batch in torch.split(torch.randperm(len(inputs)), BATCH_ROWS):
            logits = network(inputs[batch])
            losses = functional.cross_entropy(logits, targets[batch], reduction="none")
            optimizer.zero_grad()
            (losses * weights[batch]).mean().backward()  # type: ignore[no-untyped-call]  # torch lacks the types
            optimizer.step()
        yield


def _head(network: nn.Sequential, scaling: _Scaling) -> DenseHead:
    """The network as it is now, without dropout."""
    first, last = (layer for layer in network if isinstance(layer, nn.Linear))
    weights = first.weight.detach().numpy() * scaling.scale
    bias = first.bias.detach().numpy() - weights @ scaling.mean
    return DenseHead(
        (
            Layer(weights, bias),
            Layer(last.weight.detach().numpy().copy(), last.bias.detach().numpy().copy()),
        )
    )
