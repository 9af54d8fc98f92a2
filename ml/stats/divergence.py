"""The divergence of Kullback and Leibler between two samples of categories: what chance explains.

Kullback, "Information Theory and Statistics", 1959: twice the information number of a sample is
asymptotically chi-squared.
"""

from scipy.stats import chi2


def chance_divergence(categories: int, reference: int, current: int, *, level: float) -> float:
    """The KL divergence (nats) that two samples of one distribution exceed with chance `level`.

    Of `reference` and `current` rows over so many categories, all of them common enough to occur
    in both; rare ones diverge a little less. 0.0 for a single category.

    >>> [round(chance_divergence(27, n, n, level=0.001), 3) for n in (200, 2_000)]
    [0.27, 0.027]
    """
    if categories < 2:
        return 0.0
    return float(chi2.isf(level, categories - 1)) * (1 / reference + 1 / current) / 2
