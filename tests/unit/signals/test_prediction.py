"""How sure each modality was, where it said anything."""

import numpy as np
import pytest

from ml.signals.manifest import SIGNALS
from ml.signals.prediction import prediction_signals

SURE, UNSURE, NOTHING = (np.array(row) for row in ([0.9, 0.1], [0.5, 0.5], [np.nan, np.nan]))


@pytest.mark.parametrize(
    ("text", "image", "expected"),
    [
        (SURE, UNSURE, {"text_confidence": 0.9, "image_confidence": 0.5}),
        (SURE, NOTHING, {"text_confidence": 0.9}),
        (NOTHING, SURE, {"image_confidence": 0.9}),
        (NOTHING, NOTHING, {}),
    ],
)
def test_each_modality_that_speaks_is_told(
    text: np.ndarray, image: np.ndarray, expected: dict[str, float]
) -> None:
    signals = prediction_signals(text, image)
    assert signals == expected
    assert set(signals) <= set(SIGNALS)
