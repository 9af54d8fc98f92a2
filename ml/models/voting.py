"""Soft vote: each member's probabilities are sharpened, then averaged by weight."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def sharpen(probabilities: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """p^exponent / sum p^exponent along the last axis; above 1 it strengthens the favourites.

    >>> sharpen(np.array([0.6, 0.2, 0.2]), 2.0).round(3).tolist()
    [0.818, 0.091, 0.091]
    """
    # Divided by the largest first, so that the power of small probabilities can't vanish for all.
    powers = (probabilities / probabilities.max(axis=-1, keepdims=True)) ** exponent
    sharpened: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return sharpened


def soft_vote(
    members: Sequence[NDArray[np.float64]], weights: Sequence[float], exponents: Sequence[float]
) -> NDArray[np.float64]:
    """Mean [n, k] of the members' sharpened probabilities [n, k]; the weights sum to 1."""
    votes = (
        weight * sharpen(probabilities, exponent)
        for probabilities, weight, exponent in zip(members, weights, exponents, strict=True)
    )
    combined: NDArray[np.float64] = np.sum(list(votes), axis=0)
    return combined
