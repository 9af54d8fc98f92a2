"""Models that are known to be bad, each made from a good one: what gate and judge must stop.

Those of `Distorted` and `Slow` exist in this process only. Stored, they would be the good model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.models.bundle import BundlePrediction, ModelBundle, ModelInput
from ml.models.fusion import Fusion
from ml.training.text import train_text

FloatArray = NDArray[np.float64]

SHARPENING = 20.0
"""The power that every probability is raised to before they are made to sum to 1 again: one that is
a tenth larger than all others ends over 80 %."""


@dataclass(frozen=True, eq=False)
class Distorted(ModelBundle):
    """A bundle whose final answers [n, K] are put through `distort`; rows of NaN stay so."""

    distort: Callable[[FloatArray], FloatArray]

    def fuse(self, text: FloatArray, image: FloatArray) -> BundlePrediction:
        """The final answer, distorted; what each modality says is as it was."""
        answer = super().fuse(text, image)
        return replace(answer, probabilities=self.distort(answer.probabilities))


@dataclass(frozen=True, eq=False)
class Slow(ModelBundle):
    """A bundle that sleeps for so many seconds before it answers a request."""

    seconds: float
    sleep: Callable[[float], None]

    def predict_usable(self, inputs: Sequence[ModelInput]) -> BundlePrediction:
        """What the good model says, late."""
        self.sleep(self.seconds)
        return super().predict_usable(inputs)


def unlearnt(good: ModelBundle, train: pa.Table, validation: pa.Table, *, seed: int) -> ModelBundle:
    """A text model that learnt shuffled categories (rows are snapshot columns).

    It has the good one's picture model at weight 0, so that it answers whatever the good one can.
    """
    text = train_text(shuffled(train, seed), validation, label_space=good.label_space, seed=seed)
    info = replace(good.info, low_confidence_share=1.0)
    return replace(good, text=text, fusion=Fusion(0.0), temperature=1.0, info=info)


def shuffled(rows: pa.Table, seed: int) -> pa.Table:
    """The rows with their categories dealt out anew."""
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    place = rows.schema.get_field_index("category")
    return rows.set_column(place, "category", rows["category"].take(pa.array(order)))


def swapped(good: ModelBundle) -> ModelBundle:
    """One that numbers the categories in another order: every answer is that of the one before."""
    return Distorted(**vars(good), distort=lambda answers: np.roll(answers, 1, axis=1))


def erased(good: ModelBundle, category: str) -> ModelBundle:
    """One that never answers a category, but what it thinks second."""
    place = good.label_space.index(category)

    def erase(answers: FloatArray) -> FloatArray:
        rest = answers.copy()
        rest[:, place] = 0.0
        rest[rest.sum(axis=1) == 0.0] = 1.0  # it was certain: any other will do
        rest[:, place] = np.where(np.isnan(answers[:, place]), np.nan, 0.0)
        return np.asarray(rest / rest.sum(axis=1, keepdims=True))

    return Distorted(**vars(good), distort=erase)


def overconfident(good: ModelBundle) -> ModelBundle:
    """One that gives the same answers, nearly all of them as if it were certain."""
    return replace(good, temperature=good.temperature / SHARPENING)


def slow(good: ModelBundle, *, seconds: float, sleep: Callable[[float], None]) -> ModelBundle:
    """One that gives the same answers so many seconds later."""
    return Slow(**vars(good), seconds=seconds, sleep=sleep)
