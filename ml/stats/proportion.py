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
_IMAGINED = np.array([True, True, False, False])


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
        standard_error=_standard_error(hits, weights),
        labels=len(hits),
        effective_labels=total**2 / float(weights @ weights),
    )


def _standard_error(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Above 0 even when every label agrees, as it must be: the next one may not.

    The imagined labels weigh as much as the heaviest one, so that it may be wrong, too.
    """
    hits = np.concatenate([hits, _IMAGINED])
    weights = np.concatenate([weights, np.full(len(_IMAGINED), weights.max())])
    share = weights @ hits / weights.sum()
    return float(np.linalg.norm(weights * (hits - share)) / weights.sum())
