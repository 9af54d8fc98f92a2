"""Tests by betting: evidence that may be looked at after every observation, and added to for ever.

Somebody who bets against a null hypothesis at fair odds grows rich only when it is false. With a
bet `b` in (0, 1) on outcomes v >= -1 the capital is multiplied by 1 + b * v; under the null, that
the outcomes' mean (given all that went before) is at most 0, it is a supermartingale, and the
chance that it ever reaches 1 / alpha is at most alpha (Ville 1939). Nobody knows the best bet, so
the capital is spread over bets by a Beta prior: the mixture loses little against the best of them
(Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", Annals of Statistics 2021; Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting", JRSS B 2023).

The mixture's capital depends on how often each outcome came, not on the order.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

FloatArray = NDArray[np.float64]

_NODES = 64


@dataclass(frozen=True, eq=False)
class BetPrior:
    """How the capital is spread: `bets` in (0, 1), [B], and the share put on each, [B], sum 1."""

    bets: FloatArray
    shares: FloatArray


@lru_cache(maxsize=16)
def beta_prior(a: float, b: float, *, nodes: int = _NODES) -> BetPrior:
    """A Beta(a, b) spread of the bets, by Gauss-Jacobi nodes: mass near 0 finds small differences.

    >>> prior = beta_prior(1, 3)
    >>> round(float(prior.bets @ prior.shares), 6)  # the mean of Beta(1, 3)
    0.25
    """
    points, weights = roots_jacobi(nodes, b - 1.0, a - 1.0)
    return BetPrior((points + 1.0) / 2.0, weights / weights.sum())


def mixed(*parts: tuple[float, BetPrior]) -> BetPrior:
    """Spreads side by side, each with its share of the capital; the shares sum to 1.

    >>> round(float(mixed((0.5, beta_prior(1, 3)), (0.5, beta_prior(1, 1))).shares.sum()), 12)
    1.0
    """
    return BetPrior(
        np.concatenate([prior.bets for _, prior in parts]),
        np.concatenate([share * prior.shares for share, prior in parts]),
    )


def log_e_value(values: FloatArray, counts: NDArray[np.generic], prior: BetPrior) -> FloatArray:
    """Logarithm of the capital after outcome `values[v]` came `counts[..., v]` times.

    `values` [V] are at least -1; `counts` [..., V] may hold many histories, one result each. The
    null, that the values' mean is at most 0, is rejected at level alpha once this is at least
    log(1 / alpha), at whatever time one looks. Raises ValueError for a value under -1.

    Of 30 coins 25 showed heads; one who bet on heads from the start has 486 times as much:

    >>> log_e = log_e_value(np.array([1.0, -1.0]), np.array([25, 5]), beta_prior(1, 1))
    >>> round(float(np.exp(log_e)))
    486
    """
    return log_mixture(log_growth(values, counts, prior), prior)


def log_growth(values: FloatArray, counts: NDArray[np.generic], prior: BetPrior) -> FloatArray:
    """Logarithm of each bet's capital, [..., B], after outcomes came `counts[..., v]` times.

    `values` are [V], or [..., V] where every history has outcomes of its own. Growths of one
    history's parts add up. Raises ValueError for a value under -1.
    """
    if (values < -1.0).any():
        raise ValueError("a bet can lose its stake at most: values are at least -1")
    growth = np.log1p(np.multiply.outer(values, prior.bets))  # [..., V, B]
    if values.ndim == 1:
        return np.asarray(counts @ growth)
    return np.asarray(np.einsum("...v,...vb->...b", counts.astype(float), growth))


def log_mixture(growth: FloatArray, prior: BetPrior) -> FloatArray:
    """Logarithm of the capital of all bets together, [...], from that of each, [..., B]."""
    peak = growth.max(axis=-1)
    return np.asarray(peak + np.log(np.exp(growth - peak[..., None]) @ prior.shares))
