"""Labels that did not come (yet): who stands for the products that were drawn and not labelled.

The model is "missing at random given the stratum": within a stratum (of how hard a product is and
why it was drawn) whether a drawn product has its label says nothing about whether its answer was
right. Hard products may wait longer; the labels of a stratum then speak for all that was drawn in
it (weighting classes: Oh and Scheuren, "Weighting adjustment for unit nonresponse", 1983). What the
model is worth nobody can see in the data, so `missing_bounds` says what is certain without it.
"""

import numpy as np
from numpy.typing import NDArray

from ml.stats.weighting import inverse_probability_weights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MIN_LABELS = 5
"""A stratum of fewer labels is taken together with the next one."""


def label_probabilities(
    inclusion_probabilities: FloatArray, strata: IntArray, labelled: BoolArray
) -> FloatArray:
    """The probability of each drawn row to be drawn and labelled, [n]; all rows' arrays are [n].

    It is the inclusion probability times the share of its stratum's weight that is labelled.
    Neighbours by number should be alike: strata of few labels are joined. Without any label the
    inclusion probabilities are returned. Raises ValueError for probabilities outside (0, 1].

    >>> strata, labelled = np.repeat([0, 1], 10), np.arange(20) >= 5
    >>> label_probabilities(np.full(20, 0.5), strata, labelled)[[0, -1]].tolist()
    [0.25, 0.5]
    """
    weights = inverse_probability_weights(inclusion_probabilities)
    if not labelled.any():
        return inclusion_probabilities
    groups = _joined(strata, labelled)
    drawn = np.bincount(groups, weights)
    known = np.bincount(groups, weights * labelled)
    probabilities: FloatArray = inclusion_probabilities * np.minimum(1.0, known / drawn)[groups]
    return probabilities


def missing_bounds(
    hits: BoolArray, labelled: BoolArray, inclusion_probabilities: FloatArray
) -> tuple[float, float]:
    """The estimated share if all missing labels were misses, and if all were hits; arrays are [n].

    A row that is not labelled counts in neither `hits`. (0.0, 1.0) without rows.

    >>> hits, labelled = np.array([1, 1, 0, 0], bool), np.array([1, 1, 1, 0], bool)
    >>> missing_bounds(hits, labelled, np.ones(4))
    (0.5, 0.75)
    """
    if not len(hits):
        return 0.0, 1.0
    weights = inverse_probability_weights(inclusion_probabilities)
    certain = float(weights @ (hits & labelled) / weights.sum())
    missing = float(weights @ ~labelled / weights.sum())
    return certain, min(1.0, certain + missing)


def _joined(strata: IntArray, labelled: BoolArray) -> IntArray:
    """Group of each row, from 0: consecutive strata that have MIN_LABELS labels together."""
    numbers, codes = np.unique(strata, return_inverse=True)
    labels = np.bincount(codes, labelled)
    group, held = 0, 0.0
    groups = np.zeros(len(numbers), np.int64)
    for each in range(len(numbers)):
        groups[each] = group
        held += labels[each]
        if held >= MIN_LABELS and labels[each + 1 :].sum() >= MIN_LABELS:
            group, held = group + 1, 0.0
    joined: IntArray = groups[codes]
    return joined
