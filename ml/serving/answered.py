"""An answer with all that it was made of."""

from dataclasses import dataclass

from ml.domain.predictions import Prediction
from ml.rollout.selection import SelectionPolicy
from ml.serving.inputs import Item
from ml.serving.served import Model


@dataclass(frozen=True, eq=False)
class Answered:
    """A logged prediction of an item, who made it, and by which policy it was drawn for review.

    `milliseconds` are its part of the time that the model computed; None: it came from the cache.
    """

    prediction: Prediction
    item: Item
    model: Model
    policy: SelectionPolicy
    milliseconds: float | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories that its probabilities speak of, in order."""
        return self.model.bundle.label_space.classes
