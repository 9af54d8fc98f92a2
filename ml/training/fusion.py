"""Choose how much the picture counts beside the text, and calibrate the final answer."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.models.fusion import Fusion
from ml.models.text import TextModel
from ml.stats.calibration import apply_temperature, fit_temperature, log_loss
from ml.stats.weighting import confusion_matrix, weighted_f1
from ml.training.rows import PictureOf, class_indices, modality_probabilities, row_weights

if TYPE_CHECKING:
    from ml.models.image import ImageModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

IMAGE_WEIGHTS = tuple(step / 20 for step in range(21))


def fuse(
    text: TextModel,
    image: "ImageModel | None",
    validation: pa.Table,
    *,
    picture_of: PictureOf,
) -> tuple[Fusion, float, FloatArray]:
    """The image's weight and the temperature of the fused answer, from validation rows alone.

    With them the calibrated answers on those rows, [n, K], NaN where no modality could be read.
    """
    from_text, from_image = modality_probabilities(text, image, validation, picture_of)
    targets = class_indices(validation, text.label_space)
    fusion, temperature = fit_fusion(from_text, from_image, targets, row_weights(validation))
    fused = apply_temperature(fusion.combine(from_text, from_image), temperature)
    return fusion, temperature, fused


def fit_fusion(
    text: FloatArray, image: FloatArray, targets: IntArray, weights: FloatArray
) -> tuple[Fusion, float]:
    """The same from each modality's probabilities [n, K], NaN where it is missing.

    The image weight is the one of 0, 0.05, ..., 1 with the best weighted F1. A few hundred rows
    leave whole ranges of weights tied: among those the least log loss after calibration decides,
    at last the smaller weight. Without usable rows: text alone, temperature 1.
    """
    usable = ~(np.isnan(text) & np.isnan(image)).any(axis=1)
    if not usable.any():
        return Fusion(0.0), 1.0
    text, image = text[usable], image[usable]
    targets, weights = targets[usable], weights[usable]

    def f1(fusion: Fusion) -> float:
        predicted = fusion.combine(text, image).argmax(axis=1)
        return weighted_f1(confusion_matrix(targets, predicted, weights, classes=text.shape[1]))

    def calibrated_loss(fusion: Fusion) -> float:
        fused = fusion.combine(text, image)
        fused = apply_temperature(fused, fit_temperature(fused, targets, weights))
        return round(log_loss(fused, targets, weights), 9)

    fusions = [Fusion(weight) for weight in IMAGE_WEIGHTS]
    scores = np.array([f1(fusion) for fusion in fusions])
    # The tolerance is that of the arithmetic, not of the sample.
    tied = [fusions[i] for i in np.flatnonzero(scores >= scores.max() - 1e-9)]
    best = min(tied, key=calibrated_loss) if len(tied) > 1 else tied[0]
    return best, fit_temperature(best.combine(text, image), targets, weights)
