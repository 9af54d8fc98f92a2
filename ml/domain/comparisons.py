"""What two models said of the same products, and what people found of their disagreements.

Of the two models of a comparison the newer one is the candidate, the other one the baseline (see
`rollouts.Comparison`). A candidate wins where it alone is right, loses where the baseline alone is,
and ties where both are right or both are wrong; where the two agree the difference is exactly 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ml.domain.predictions import ReviewSelection
from ml.domain.products import Product


@dataclass(frozen=True)
class ScoredAnswer:
    """One model's answer to a product; `category` None: it could not answer.

    `milliseconds` are those of an answer that was served and computed; None for one from the cache,
    or made in the background, where it tells nothing of the model's speed.
    """

    category: str | None
    confidence: float
    milliseconds: float | None = None


@dataclass(frozen=True)
class ShadowScore:
    """Both models' answers to one product that was served during a comparison.

    `label_probability` is that of the disagreement coin, faced where the answers differ;
    `selection` is there where it came up.
    """

    experiment: str
    prediction_id: str
    product: Product
    scored_at: datetime
    candidate: ScoredAnswer
    baseline: ScoredAnswer
    label_probability: float
    selection: ReviewSelection | None = None

    @property
    def differs(self) -> bool:
        """Whether the two models disagree."""
        return self.candidate.category != self.baseline.category


@dataclass(frozen=True)
class Stratum:
    """Disagreements of a cohort that were drawn for people, and what those who answered found.

    `wins`, `ties` and `losses` are the candidate's; the drawn ones beyond them were not labelled.
    """

    drawn: int
    wins: int
    ties: int
    losses: int

    @property
    def labelled(self) -> int:
        return self.wins + self.ties + self.losses


@dataclass(frozen=True)
class Cohort:
    """Consecutive products of a comparison, closed: its labels are in, or were waited for in vain.

    `products` were scored by both models, `disagreements` of them differently. `strata` are by how
    hard the products are (one each, the same for every cohort of a comparison). It spans the shadow
    log's positions up to `last_position`. `label_ids` are the labels that count in it.
    """

    experiment: str
    number: int
    last_position: int
    closed_at: datetime
    products: int
    disagreements: int
    strata: tuple[Stratum, ...]
    label_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassTally:
    """How often both models, or only one of them, named a category."""

    both: int
    candidate_only: int
    baseline_only: int


@dataclass(frozen=True)
class ShadowTally:
    """What the shadow log adds up to beside accuracy, for the guardrails; counts of products.

    `failed`: no answer; `unsure`: under the confidence threshold; `slow`: over the latency limit,
    among the `timed` ones. The pairs `*_only` are products where one model was so and the other
    was not.
    """

    products: int = 0
    candidate_only_failed: int = 0
    baseline_only_failed: int = 0
    candidate_only_unsure: int = 0
    baseline_only_unsure: int = 0
    candidate_timed: int = 0
    candidate_slow: int = 0
    baseline_timed: int = 0
    baseline_slow: int = 0
    classes: Mapping[str, ClassTally] = field(default_factory=dict)
