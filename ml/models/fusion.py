"""Late fusion: one weight between what the picture says and what the text says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Fusion:
    """`image_weight` in [0, 1] goes to the image, the rest to the text."""

    image_weight: float

    def combine(self, text: FloatArray, image: FloatArray) -> FloatArray:
        """Fused probabilities [n, K] of two [n, K] arrays in which a missing modality is a NaN row.

        The missing modality hands its whole weight to the other; where both are missing the row
        stays NaN.

        >>> nan = np.full((1, 2), np.nan)
        >>> Fusion(0.5).combine(np.array([[0.8, 0.2]]), np.array([[0.4, 0.6]])).round(3).tolist()
        [[0.6, 0.4]]
        >>> Fusion(0.0).combine(nan, np.array([[0.4, 0.6]])).tolist()
        [[0.4, 0.6]]
        """
        no_text, no_image = np.isnan(text[:, :1]), np.isnan(image[:, :1])
        weight = np.where(no_image, 0.0, np.where(no_text, 1.0, self.image_weight))
        fused: FloatArray = np.where(no_text, 0.0, (1 - weight) * text)
        fused += np.where(no_image, 0.0, weight * image)
        fused[(no_text & no_image)[:, 0]] = np.nan
        return fused
