"""Many tests at once: which of them are discoveries.

Benjamini and Hochberg, "Controlling the False Discovery Rate: a Practical and Powerful Approach to
Multiple Testing", Journal of the Royal Statistical Society B, 1995.
"""

import numpy as np
from numpy.typing import NDArray


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values, shape [n] as given.

    Those of at most q are rejected at a false-discovery rate of q: of what is rejected, a share q
    is noise, on average. Holds for independent tests, and for those that lean the same way.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    tests = len(p_values)
    order = np.argsort(p_values)
    scaled = p_values[order] * tests / np.arange(1, tests + 1)
    adjusted = np.empty(tests)
    # A larger p-value is never adjusted to a smaller one.
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(adjusted, 1.0)
