"""Bundles whose pictures are read by a rule, for tests that need no network."""

import json
from dataclasses import dataclass

import numpy as np

from ml.domain.labels import LabelSpace
from ml.models.bundle import BundleInfo, ModelBundle
from ml.models.fusion import Fusion
from ml.training.text import train_text
from tests.unit.training.catalogue import SPACE, catalogue

INFO = BundleInfo("snapshot", "2024-02-01T00:00:00+00:00", 42, 0.25)


@dataclass(frozen=True)
class SpokenPictures:
    """An image model whose "pictures" are JSON lists of probabilities."""

    label_space: LabelSpace = SPACE

    def predict_proba(self, pictures):
        rows = np.full((len(pictures), len(self.label_space)), np.nan)
        for i, picture in enumerate(pictures):
            if picture.startswith(b"["):
                rows[i] = json.loads(picture)
        return rows


def spoken(*probabilities: float) -> bytes:
    return json.dumps(probabilities).encode()


def bundle(*, image=None, image_weight=0.5, temperature=1.0) -> ModelBundle:
    text = train_text(catalogue(200, seed=1), catalogue(80, seed=2), label_space=SPACE, seed=42)
    return ModelBundle(SPACE, text, image, Fusion(image_weight), temperature, INFO)
