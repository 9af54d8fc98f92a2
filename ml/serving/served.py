"""Who answers: a consistent view of the rollout, with its models."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Champion
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


@dataclass(frozen=True, eq=False)
class ServedRollout:
    """What one request is answered with, from its first product to its last."""

    champion: ServedModel[Champion]
    challenger: ServedModel[Challenger] | None = None

    @property
    def trial(self) -> Challenger | None:
        """The trial that is on in this worker."""
        return self.challenger.version if self.challenger else None

    def model_for(self, product_id: str) -> ServedModel[Champion | Challenger]:
        """Who answers this product."""
        if self.challenger and choose_arm(product_id, self.trial) is Arm.CHALLENGER:
            return self.challenger
        return self.champion
