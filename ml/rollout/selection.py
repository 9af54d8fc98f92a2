"""Which answered products a person is asked to label, and with which known probability.

Every product faces independent coins: an audit coin over all products, and, under the confidence
threshold, a coin as large as the review capacity allows. A coin is a hash of the seed, the product
as it was shown and the reason: served a hundred times, the same product falls the same way, so its
chance does not grow with its traffic. Weighting a label by 1 / (probability of being drawn by any
coin) makes accuracy figures unbiased, however hard the reviewed products are (Horvitz & Thompson,
1952).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ml.domain.digests import uniform_of
from ml.domain.predictions import ReviewSelection, SelectionReason
from ml.domain.products import Product


@dataclass(frozen=True)
class SelectionPolicy:
    """The two coins: each probability in [0, 1], the threshold a calibrated confidence."""

    confidence_threshold: float
    low_confidence_probability: float
    audit_probability: float
    seed: int


def plan_selection(
    *,
    confidence_threshold: float,
    capacity_per_day: float,
    products_per_day: float,
    low_confidence_share: float,
    audit_share: float,
    seed: int,
) -> SelectionPolicy:
    """The coins that fill the review capacity (products a day) on an average day.

    The random audit comes first: it is a floor that the capacity pays for, and what is left goes
    to products under the threshold, `low_confidence_share` of the traffic.

    >>> policy = plan_selection(
    ...     confidence_threshold=0.8, capacity_per_day=500, products_per_day=5_000,
    ...     low_confidence_share=0.2, audit_share=0.01, seed=42)
    >>> policy.low_confidence_probability
    0.45
    """
    left = max(0.0, capacity_per_day - products_per_day * audit_share)
    expected = products_per_day * low_confidence_share
    probability = min(1.0, left / expected) if expected > 0 else float(left > 0)
    return SelectionPolicy(confidence_threshold, probability, audit_share, seed)


def select_for_review(
    prediction_id: str, product: Product, confidence: float, policy: SelectionPolicy
) -> tuple[ReviewSelection, ...]:
    """The coins that came up for one prediction (none: nobody is asked).

    Each carries its own probability and the inclusion probability, that of at least one of the
    coins this product faced coming up.
    """
    faced = _coins_faced(confidence, policy)
    union = 1.0 - math.prod(1.0 - probability for probability in faced.values())
    inclusion = max(union, *faced.values(), 0.0)  # rounding never puts the union under a coin
    return tuple(
        ReviewSelection(prediction_id, reason, probability, inclusion)
        for reason, probability in faced.items()
        if uniform_of(policy.seed, product.product_id, product.digest, reason.value) < probability
    )


def plan_label_probability(
    *,
    capacity_per_day: float,
    products_per_day: float,
    shadow_share: float,
    expected_disagreement: float,
    reviews: float,
) -> float:
    """The disagreement coin of a comparison: constant, so that its labels are a fair sample.

    Each drawn product takes `reviews` reviews on average. A comparison that disagrees more often
    than expected has the queue grow: its labels come late, and nothing else changes.

    >>> round(plan_label_probability(capacity_per_day=110, products_per_day=100_000,
    ...     shadow_share=1.0, expected_disagreement=0.1, reviews=1.1), 6)
    0.01
    """
    expected = products_per_day * shadow_share * expected_disagreement * reviews
    return min(1.0, capacity_per_day / expected)


def _coins_faced(confidence: float, policy: SelectionPolicy) -> Mapping[SelectionReason, float]:
    coins = {SelectionReason.AUDIT: policy.audit_probability}
    if confidence < policy.confidence_threshold:
        coins[SelectionReason.LOW_CONFIDENCE] = policy.low_confidence_probability
    return coins
