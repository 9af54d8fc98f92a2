"""Who answers: a consistent view of the rollout, with its models."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Champion, Comparison
from ml.models.bundle import ModelBundle
from ml.rollout.traffic import choose_arm

V_co = TypeVar("V_co", bound=Champion | Challenger, covariant=True)


@dataclass(frozen=True, eq=False)
class ServedModel(Generic[V_co]):
    """A version of the ledger with its bundle."""

    version: V_co
    bundle: ModelBundle

    @property
    def arm(self) -> Arm:
        """The side of the rollout that it answers on."""
        return Arm.CHALLENGER if isinstance(self.version, Challenger) else Arm.CHAMPION


Model = ServedModel[Champion | Challenger]


@dataclass(frozen=True, eq=False)
class ServedComparison:
    """A comparison of the ledger whose two models are both here."""

    terms: Comparison
    candidate: Model
    baseline: Model

    def other_for(self, model: Model) -> Model:
        """The one of the two that did not answer."""
        return self.baseline if model is self.candidate else self.candidate


@dataclass(frozen=True, eq=False)
class ServedRollout:
    """What one request is answered with, from its first product to its last.

    `comparison` is None while the ledger has none, or one of its models can't be loaded here.
    """

    champion: ServedModel[Champion]
    challenger: ServedModel[Challenger] | None = None
    comparison: ServedComparison | None = None

    @property
    def trial(self) -> Challenger | None:
        """The trial that is on in this worker."""
        return self.challenger.version if self.challenger else None

    def model_for(self, product_id: str) -> Model:
        """Who answers this product."""
        if self.challenger and choose_arm(product_id, self.trial) is Arm.CHALLENGER:
            return self.challenger
        return self.champion

    def other_for(self, model: Model) -> Model | None:
        """The comparison's other model; None without a comparison."""
        return self.comparison.other_for(model) if self.comparison else None
