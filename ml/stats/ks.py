"""The distance of Kolmogorov and Smirnov: how far apart two samples' distributions are."""

import numpy as np
from numpy.typing import NDArray


def ks_distance(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """The largest gap between two samples' distribution functions, in [0, 1].

    Samples [n] and [m], neither empty, without NaN. Equals the statistic of scipy's `ks_2samp`,
    without its p-value, which is what costs.

    >>> ks_distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    reference, current = np.sort(reference), np.sort(current)
    values = np.concatenate([reference, current])
    below_reference = np.searchsorted(reference, values, side="right") / len(reference)
    below_current = np.searchsorted(current, values, side="right") / len(current)
    return float(np.abs(below_reference - below_current).max())
