"""How often the weighted accuracy covers the truth, and how far the naive one misses it.

A model is right in 85 % of all products and in 62 % of those under the confidence threshold, a
fifth of them. Reviewers' capacity is the settings' share of the traffic, at 100,000 products a day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.rollout.selection import plan_selection
from ml.stats.proportion import IMAGINED, Z_95
from ml.wiring.config import Settings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

AUDIT_SHARES = (0.002, 0.01, 0.05)
PRODUCTS_PER_DAY = 100_000
DAYS = 30
ACCURACY, UNSURE_ACCURACY, UNSURE_SHARE = 0.85, 0.62, 0.2


@dataclass(frozen=True)
class AccuracyCell:
    """One audit share's months.

    `coverage` of the truth by the 95 % interval, the mean half width of which is `reach_points`;
    `naive_bias_points` is how far the accuracy of all reviewed products misses on average.
    """

    audit_share: float
    capacity_per_day: float
    low_confidence_probability: float
    months: int
    coverage: float
    reach_points: float
    naive_bias_points: float
    labels_a_day: float


def intervals(
    hits: IntArray, labels: IntArray, probabilities: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Centre and reach, [M], of `share_estimate`'s interval for many months at once.

    `hits` and `labels` [M, K] are counts of labels that were chosen with `probabilities` [K].
    """
    weights = 1.0 / probabilities
    heaviest = np.where(labels > 0, weights, 0.0).max(axis=1)
    total = labels @ weights + heaviest * len(IMAGINED)
    centre = (hits @ weights + heaviest * IMAGINED.sum()) / total
    right = hits @ weights**2 + heaviest**2 * IMAGINED.sum()
    wrong = (labels - hits) @ weights**2 + heaviest**2 * (~IMAGINED).sum()
    error = np.sqrt(right * (1.0 - centre) ** 2 + wrong * centre**2) / total
    return centre, Z_95 * error


def simulate_accuracy(
    rng: np.random.Generator, months: int, audit_share: float, settings: Settings
) -> AccuracyCell:
    """Months of review at one audit share."""
    capacity = settings.review_capacity_per_day / settings.products_per_day * PRODUCTS_PER_DAY
    policy = plan_selection(
        confidence_threshold=settings.confidence_threshold,
        capacity_per_day=capacity,
        products_per_day=PRODUCTS_PER_DAY,
        low_confidence_share=UNSURE_SHARE,
        audit_share=audit_share,
        disagreements_per_day=settings.disagreement_capacity_per_day,
        second_review_share=settings.second_review_share,
        seed=settings.selection_seed,
    )
    unsure = 1.0 - (1.0 - policy.low_confidence_probability) * (1.0 - audit_share)
    probabilities = np.array([unsure, audit_share])
    sure_accuracy = (ACCURACY - UNSURE_SHARE * UNSURE_ACCURACY) / (1.0 - UNSURE_SHARE)
    products = PRODUCTS_PER_DAY * DAYS * np.array([UNSURE_SHARE, 1.0 - UNSURE_SHARE])
    labels = rng.binomial(products.round().astype(int), probabilities, size=(months, 2))
    hits = rng.binomial(labels, [UNSURE_ACCURACY, sure_accuracy])
    centre, reach = intervals(hits, labels, probabilities)
    naive = hits.sum(axis=1) / labels.sum(axis=1)
    return AccuracyCell(
        audit_share=audit_share,
        capacity_per_day=capacity,
        low_confidence_probability=policy.low_confidence_probability,
        months=months,
        coverage=float((np.abs(centre - ACCURACY) <= reach).mean()),
        reach_points=float(reach.mean() * 100.0),
        naive_bias_points=float(np.abs(naive - ACCURACY).mean() * 100.0),
        labels_a_day=float(labels.sum(axis=1).mean() / DAYS),
    )
