"""What was answered, by which model, and which of it a person is asked to check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ml.domain.products import Product


class Arm(StrEnum):
    """Which side of a rollout answered."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class SelectionReason(StrEnum):
    """Why a product was put before a person; each reason is an independent coin."""

    LOW_CONFIDENCE = "low_confidence"
    AUDIT = "audit"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True)
class ReviewSelection:
    """One coin that came up: its own probability, and that of being chosen by any coin at all.

    The inclusion probability is that of the coins known when this one was tossed: a disagreement
    shows later. `inclusion_of` makes one of all of them. `reviews` blind reviewers are asked.
    """

    prediction_id: str
    reason: SelectionReason
    probability: float
    inclusion_probability: float
    reviews: int = 1


@dataclass(frozen=True)
class Prediction:
    """One answered request.

    `probabilities` follow the class order of `label_space_version` (classes the model has not
    learnt have probability 0) and sum to 1; `confidence` is the calibrated probability of
    `category`, the final, fused answer. `selections` is empty when nobody is asked to check it.
    `experiment` names the trial that was on when it was answered, whichever arm answered.
    `signals` are the numbers watched for drift, by name; one that a product has not is left out.
    """

    prediction_id: str
    product: Product
    model_version: int
    arm: Arm
    label_space_version: int
    probabilities: tuple[float, ...]
    category: str
    confidence: float
    predicted_at: datetime
    selections: tuple[ReviewSelection, ...] = ()
    experiment: str | None = None
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ReviewItem:
    """What a reviewer sees: the product, never the model's answer or why it was chosen."""

    prediction_id: str
    product: Product
