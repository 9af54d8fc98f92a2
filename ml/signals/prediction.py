"""How sure each modality is by itself: one may fail while the other still hides it."""

import numpy as np
from numpy.typing import NDArray


def prediction_signals(text: NDArray[np.float64], image: NDArray[np.float64]) -> dict[str, float]:
    """Signals of what text and picture each say, class probabilities [K]; NaN: nothing, left out.

    >>> prediction_signals(np.array([0.25, 0.75]), np.array([np.nan, np.nan]))
    {'text_confidence': 0.75}
    """
    confidences = {"text_confidence": text.max(), "image_confidence": image.max()}
    return {name: float(value) for name, value in confidences.items() if np.isfinite(value)}
