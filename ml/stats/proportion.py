"""The share of hits in a population of which rows were chosen with known, unequal probabilities.

The ratio of Hajek (comment on Basu, "Foundations of Statistical Inference", 1971) with its
linearised standard error (Sarndal, Swensson and Wretman, "Model Assisted Survey Sampling", 1992).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.stats.weighting import inverse_probability_weights

# Agresti and Coull, "Approximate Is Better than 'Exact'", The American Statistician 1998: two
# imagined hits and two misses keep the error of a share near 0 or 1 honest.
IMAGINED = np.array([True, True, False, False])

Z_95 = 1.959963984540054  # the normal distribution's central 95 %


@dataclass(frozen=True)
class WeightedShare:
    """An estimated share in [0, 1] with its standard error.

    `effective_labels` is how many equally likely labels would tell as much (Kish): never more than
    `labels`, and far fewer where a few rare audits stand for most of the population.
    """

    value: float
    standard_error: float
    labels: int
    effective_labels: float


@dataclass(frozen=True)
class ShareEstimate:
    """An estimated share with its 95 % interval, all in [0, 1], and what it rests on."""

    value: float
    low: float
    high: float
    labels: int
    effective_labels: float

    @property
    def width(self) -> float:
        """Of the interval."""
        return self.high - self.low


def weighted_share(
    hits: NDArray[np.bool_], inclusion_probabilities: NDArray[np.float64]
) -> WeightedShare:
    """The population's share of hits, from labelled rows [n] and the probability of each choice.

    Without rows the share is 0.0 on 0 labels. Raises ValueError for probabilities outside (0, 1].

    Three hard products all labelled, one of ten easy ones: the easy one speaks for ten.

    >>> share = weighted_share(np.array([0, 0, 1, 1], bool), np.array([1.0, 1.0, 1.0, 0.1]))
    >>> round(share.value, 3), share.labels, round(share.effective_labels, 2)
    (0.846, 4, 1.64)
    >>> round(weighted_share(np.arange(100) < 90, np.ones(100)).standard_error, 4)
    0.0313
    """
    if not len(hits):
        return WeightedShare(0.0, 0.0, 0, 0.0)
    weights = inverse_probability_weights(inclusion_probabilities)
    total = float(weights.sum())
    return WeightedShare(
        value=float(weights @ hits) / total,
        standard_error=_with_imagined(hits, weights)[1],
        labels=len(hits),
        effective_labels=total**2 / float(weights @ weights),
    )


def share_estimate(
    hits: NDArray[np.bool_], inclusion_probabilities: NDArray[np.float64]
) -> ShareEstimate:
    """`weighted_share` with its interval, which is wide, not wrong, on a handful of labels.

    The interval is centred as if the imagined labels were real (Agresti and Coull 1998). Without
    rows it is [0, 1].

    >>> share_estimate(np.ones(10, bool), np.ones(10))  # doctest: +ELLIPSIS
    ShareEstimate(value=1.0, low=0.67..., high=1.0, labels=10, effective_labels=10.0)
    """
    if not len(hits):
        return ShareEstimate(0.0, 0.0, 1.0, 0, 0.0)
    share = weighted_share(hits, inclusion_probabilities)
    weights = inverse_probability_weights(inclusion_probabilities)
    centre, error = _with_imagined(hits, weights)
    low, high = clipped_interval(share.value, centre, error)
    return ShareEstimate(share.value, low, high, share.labels, share.effective_labels)


def clipped_interval(value: float, centre: float, error: float) -> tuple[float, float]:
    """The 95 % interval about a centre within [0, 1]; the estimate itself is always in it.

    >>> clipped_interval(1.0, 0.9, 0.0)
    (0.9, 1.0)
    """
    reach = Z_95 * error
    return max(0.0, min(value, centre - reach)), min(1.0, max(value, centre + reach))


def _with_imagined(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Share and standard error with the imagined labels among the rows.

    The error is above 0 even when every label agrees, as it must be: the next one may not. The
    imagined labels weigh as much as the heaviest one, so that it may be wrong, too.
    """
    hits = np.concatenate([hits, IMAGINED])
    weights = np.concatenate([weights, np.full(len(IMAGINED), weights.max())])
    share = float(weights @ hits / weights.sum())
    return share, float(np.linalg.norm(weights * (hits - share)) / weights.sum())
