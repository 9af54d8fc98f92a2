"""The manifest names what the functions compute, and nothing else."""

import io

import numpy as np
from PIL import Image

from ml.signals.image import image_signals
from ml.signals.manifest import MEANINGS, SIGNALS
from ml.signals.prediction import prediction_signals
from ml.signals.text import text_signals


def test_a_complete_product_has_every_signal() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(file, "JPEG")
    sure = np.array([1.0, 0.0])
    signals = (
        text_signals("Lampe 12", "douce", known_word_share=lambda _: 1.0)
        | image_signals(file.getvalue())
        | prediction_signals(sure, sure)
    )
    assert set(signals) == set(SIGNALS)


def test_every_name_has_a_meaning_of_its_own() -> None:
    assert len(set(MEANINGS.values())) == len(SIGNALS)
