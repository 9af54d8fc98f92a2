"""A share of hits, sharpened by a surrogate that is known of the whole population.

Prediction-powered inference with a tuned power (Angelopoulos, Duchi and Zrnic, "PPI++: Efficient
Prediction-Powered Inference", 2023), for labels chosen with unequal probabilities: the generalised
difference estimator of survey sampling (Sarndal, Swensson and Wretman 1992). The surrogate's mean
over the labelled rows misses the population's by chance; the hits' mean misses its own the same
way, as far as the two are related, and is corrected by that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.stats.proportion import IMAGINED, ShareEstimate, clipped_interval
from ml.stats.weighting import inverse_probability_weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PoweredShare:
    """The estimate and the `power` in [0, 1] that its surrogate was given: 0 uses none of it."""

    estimate: ShareEstimate
    power: float


def prediction_powered_share(
    hits: NDArray[np.bool_],
    inclusion_probabilities: FloatArray,
    surrogate: FloatArray,
    *,
    surrogate_mean: float,
) -> PoweredShare:
    """The population's share of hits from labelled rows, all arrays [n].

    `surrogate` tells something of each row's being a hit, such as its confidence, and
    `surrogate_mean` is its mean over the whole population, known without error. Whatever the
    surrogate is worth, the interval holds: a useless one gets power 0. Raises ValueError without
    rows and for probabilities outside (0, 1].

    >>> confidence = np.tile([0.5, 0.9], 100)  # half of the labelled rows are hard ones ...
    >>> hits = np.tile([False, True, True, True], 50)
    >>> share = prediction_powered_share(hits, np.ones(200), confidence, surrogate_mean=0.9)
    >>> round(share.estimate.value, 4), share.power  # ... the population has none, and this says so
    (0.95, 1.0)
    """
    if not len(hits):
        raise ValueError("a share needs labelled rows")
    weights = inverse_probability_weights(inclusion_probabilities)
    values = hits.astype(float)
    power = tuned_power(values, weights, surrogate)
    value, _ = difference_estimate(values, weights, surrogate, surrogate_mean, power)
    centre, error = difference_estimate(
        np.concatenate([values, IMAGINED]),
        np.concatenate([weights, np.full(len(IMAGINED), weights.max())]),
        np.concatenate([surrogate, np.full(len(IMAGINED), surrogate_mean)]),
        surrogate_mean,
        power,
    )
    value = float(np.clip(value, 0.0, 1.0))
    low, high = clipped_interval(value, centre, error)
    effective = float(weights.sum() ** 2 / (weights @ weights))
    return PoweredShare(ShareEstimate(value, low, high, len(hits), effective), power)


def tuned_power(values: FloatArray, weights: FloatArray, surrogate: FloatArray) -> float:
    """The surrogate's share in [0, 1] that makes the estimate's variance smallest.

    >>> tuned_power(np.array([0.0, 1.0]), np.ones(2), np.array([0.5, 0.5]))
    0.0
    """
    if np.ptp(surrogate) == 0:  # its deviations are mere rounding
        return 0.0
    ours, theirs = _deviations(values, weights), _deviations(surrogate, weights)
    return float(np.clip(ours @ theirs / (theirs @ theirs), 0.0, 1.0))


def difference_estimate(
    values: FloatArray,
    weights: FloatArray,
    surrogate: FloatArray,
    surrogate_mean: float,
    power: float,
) -> tuple[float, float]:
    """The mean of the values, corrected by `power` times what the surrogate's mean misses, and its
    linearised standard error.

    >>> values, surrogate = np.array([0.0, 1.0]), np.array([0.5, 0.7])
    >>> difference_estimate(values, np.ones(2), surrogate, 0.7, 1.0)[0]
    0.6
    """
    total = weights.sum()
    missed = weights @ surrogate / total - surrogate_mean
    residuals = values - power * surrogate
    error = np.linalg.norm(_deviations(residuals, weights))
    return float(weights @ values / total - power * missed), float(error)


def _deviations(values: FloatArray, weights: FloatArray) -> FloatArray:
    """What each row adds to the weighted mean's deviation."""
    total = weights.sum()
    deviations: FloatArray = weights * (values - weights @ values / total) / total
    return deviations
