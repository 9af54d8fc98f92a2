"""Calibration: making a stated confidence of 0.8 be right eight times in ten.

Temperature scaling and the expected calibration error follow Guo, Pleiss, Sun and Weinberger,
"On Calibration of Modern Neural Networks", ICML 2017 (https://arxiv.org/abs/1706.04599).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Beyond these a probability is a constant or a certainty for every practical purpose.
MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0


def softmax(scores: FloatArray, temperature: float) -> FloatArray:
    """Rows of `exp(scores / temperature)` scaled to sum 1, shape [n, K] as given.

    >>> softmax(np.array([[0.0, 0.0]]), 1.0).tolist()
    [[0.5, 0.5]]
    """
    exponentials = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def apply_temperature(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Rows of `softmax(log p / temperature)`, shape [n, K] as given.

    Above 1 the rows become flatter, below 1 sharper; the order of the classes stays, a probability
    of exactly 0 stays 0, a row of NaN stays NaN.

    >>> apply_temperature(np.array([[0.8, 0.2]]), 0.5).round(4).tolist()
    [[0.9412, 0.0588]]
    """
    with np.errstate(divide="ignore"):
        return softmax(np.log(probabilities), temperature)


def log_loss(probabilities: FloatArray, targets: IntArray, weights: FloatArray) -> float:
    """Weighted mean of -log p[target] over the rows whose target has a probability above 0.

    A class the model has never seen has probability 0 at every temperature: such rows say nothing
    about calibration and would make every loss infinite, so they are left out. 0.0 without rows.

    >>> round(log_loss(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 1]), np.ones(2)), 4)
    0.6931
    """
    hit = probabilities[np.arange(len(targets)), targets]
    known = hit > 0
    if not known.any():
        return 0.0
    return float(np.average(-np.log(hit[known]), weights=weights[known]))


def fit_temperature(probabilities: FloatArray, targets: IntArray, weights: FloatArray) -> float:
    """The temperature with the least weighted log loss, within [0.05, 20].

    `probabilities` [n, K] without NaN, `targets` [n] class indices, `weights` [n] positive. Without
    a row whose target the model knows there is nothing to fit: 1.0.

    An overconfident model (95 % stated, three of four right) is flattened to what it deserves:

    >>> p = np.tile([[0.95, 0.05]], (4, 1))
    >>> t = fit_temperature(p, np.array([0, 0, 0, 1]), np.ones(4))
    >>> round(float(apply_temperature(p, t)[0, 0]), 3)
    0.75
    """
    known = probabilities[np.arange(len(targets)), targets] > 0
    if not known.any():
        return 1.0
    rows, hits, shares = probabilities[known], targets[known], weights[known]

    def loss(log_temperature: float) -> float:
        with np.errstate(divide="ignore"):
            logits = np.log(rows) / np.exp(log_temperature)
        logits -= logits.max(axis=1, keepdims=True)
        norms = np.log(np.exp(logits).sum(axis=1))
        return float(np.average(norms - logits[np.arange(len(hits)), hits], weights=shares))

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    fitted = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(fitted.x))


def expected_calibration_error(
    confidences: FloatArray, correct: NDArray[np.bool_], weights: FloatArray, *, bins: int = 15
) -> float:
    """Weighted mean of |accuracy - confidence| over equal-width bins of the confidence, in [0, 1].

    0.0 without rows.

    >>> right = np.array([True, True, True, False])
    >>> round(expected_calibration_error(np.full(4, 0.95), right, np.ones(4)), 4)
    0.2
    """
    if len(confidences) == 0:
        return 0.0
    gaps = np.bincount(_slots(confidences, bins), weights=weights * (correct - confidences))
    return float(np.abs(gaps).sum() / weights.sum())


def calibration_noise(confidences: FloatArray, weights: FloatArray, *, bins: int = 15) -> float:
    """The calibration error that a perfectly calibrated model shows on these rows by chance.

    Per bin the expected |sum of centred coins| is sqrt(2 / pi) times its standard deviation (the
    normal approximation). It falls with the number of rows; 0.0 without rows.

    >>> [round(calibration_noise(np.full(n, 0.8), np.ones(n)), 3) for n in (25, 2500)]
    [0.064, 0.006]
    """
    if len(confidences) == 0:
        return 0.0
    variances = np.bincount(
        _slots(confidences, bins), weights=weights**2 * confidences * (1 - confidences)
    )
    # A confidence can exceed 1 by a rounding error.
    deviations = np.sqrt(np.maximum(variances, 0.0))
    return float(np.sqrt(2 / np.pi) * deviations.sum() / weights.sum())


def _slots(confidences: FloatArray, bins: int) -> IntArray:
    """Bin of each confidence; bins are open to the left, as in the paper: 0.8 ends its bin."""
    return np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
