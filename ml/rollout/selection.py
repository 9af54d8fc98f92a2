"""Which answered products a person is asked to label, and with which known probability.

Every product faces independent coins: an audit coin over all products; under the confidence
threshold, a coin as large as the review capacity allows; and where the two models of a comparison
disagree, a coin that is the same for all of them, whoever answered, however surely. A coin is a
hash of the seed, the product as it was shown and the reason: served a hundred times, the same
product falls the same way, so its chance does not grow with its traffic. Weighting a label by
1 / (probability of being drawn by any coin) makes accuracy figures unbiased, however hard the
reviewed products are (Horvitz & Thompson, 1952).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ml.domain.comparisons import ShadowScore
from ml.domain.digests import uniform_of
from ml.domain.predictions import Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.domain.rollouts import Comparison


@dataclass(frozen=True)
class SelectionPolicy:
    """The coins of an answer: each probability in [0, 1], the threshold a calibrated confidence.

    A share of `second_review_share` of what is drawn is labelled by two people.
    """

    confidence_threshold: float
    low_confidence_probability: float
    audit_probability: float
    second_review_share: float
    seed: int


def plan_selection(
    *,
    confidence_threshold: float,
    capacity_per_day: float,
    products_per_day: float,
    low_confidence_share: float,
    audit_share: float,
    disagreements_per_day: float,
    second_review_share: float,
    seed: int,
) -> SelectionPolicy:
    """The coins that fill the review capacity (reviews a day) on an average day.

    The random audit comes first: it is a floor that the capacity pays for. Then come the
    `disagreements_per_day`, the reviews that a comparison takes (0 without one); what is left goes
    to products under the threshold, `low_confidence_share` of the traffic. A second review of a
    product costs as much as the first.

    >>> policy = plan_selection(
    ...     confidence_threshold=0.8, capacity_per_day=550, products_per_day=5_000,
    ...     low_confidence_share=0.2, audit_share=0.01, disagreements_per_day=55,
    ...     second_review_share=0.1, seed=42)
    >>> round(policy.low_confidence_probability, 6)  # 440 reviews for 1,000 products
    0.4
    """
    reviews = 1.0 + second_review_share
    audits = products_per_day * audit_share * reviews
    left = max(0.0, capacity_per_day - audits - disagreements_per_day)
    expected = products_per_day * low_confidence_share * reviews
    probability = min(1.0, left / expected) if expected > 0 else float(left > 0)
    return SelectionPolicy(
        confidence_threshold, probability, audit_share, second_review_share, seed
    )


def select_for_review(
    prediction_id: str, product: Product, confidence: float, policy: SelectionPolicy
) -> tuple[ReviewSelection, ...]:
    """The coins that came up when a product was answered (none: nobody is asked).

    Each carries its own probability and the inclusion probability, that of at least one of the
    coins this product faced coming up.
    """
    faced = _coins_faced(confidence, policy)
    inclusion, reviews = union_of(faced.values()), _reviews(product, policy)
    return tuple(
        ReviewSelection(prediction_id, reason, probability, inclusion, reviews)
        for reason, probability in faced.items()
        if uniform_of(policy.seed, product.product_id, product.digest, reason.value) < probability
    )


def toss_disagreement(
    prediction: Prediction, comparison: Comparison, policy: SelectionPolicy
) -> ReviewSelection | None:
    """The coin of a product on which the two models of a comparison differ; None: not drawn.

    It knows nothing but the product: neither who answered, nor how surely, nor what the other coins
    did. The prediction and its policy tell only which coins it faced before.
    """
    product, reason = prediction.product, SelectionReason.DISAGREEMENT
    tossed = uniform_of(
        policy.seed, comparison.experiment, product.product_id, product.digest, reason.value
    )
    if tossed >= comparison.label_probability:
        return None
    faced = _coins_faced(prediction.confidence, policy)
    return ReviewSelection(
        prediction.prediction_id,
        reason,
        comparison.label_probability,
        union_of([*faced.values(), comparison.label_probability]),
        _reviews(product, policy),
    )


def inclusion_of(prediction: Prediction, score: ShadowScore | None) -> float:
    """The probability that any coin at all that this product faced put it before a person.

    0 when none did: then nobody knows it. `score` is what the comparison made of the prediction.
    """
    drawn = list(prediction.selections)
    if score is not None and score.selection is not None:
        drawn.append(score.selection)
    for selection in drawn:  # the union that a disagreement's row states has its coin already
        if selection.reason is SelectionReason.DISAGREEMENT:
            return selection.inclusion_probability
    if not drawn:
        return 0.0
    coins = [drawn[0].inclusion_probability]
    if score is not None and score.differs:
        coins.append(score.label_probability)
    return union_of(coins)


def union_of(probabilities: Iterable[float]) -> float:
    """The probability that at least one of independent coins comes up.

    >>> union_of([0.5, 0.5])
    0.75
    """
    coins = list(probabilities)
    union = 1.0 - math.prod(1.0 - probability for probability in coins)
    return max([union, *coins])  # rounding never puts the union under a coin


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


def _reviews(product: Product, policy: SelectionPolicy) -> int:
    """How many people label the product; the same for all reasons why it is drawn."""
    tossed = uniform_of(policy.seed, product.product_id, product.digest, "second review")
    return 2 if tossed < policy.second_review_share else 1
