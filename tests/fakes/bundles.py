"""The smallest real bundle: it tells shoes from books by one word."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ml.domain.labels import LabelSpace
from ml.models.bundle import BundleInfo, ModelBundle, ModelInput
from ml.models.fusion import Fusion
from ml.models.text import TermBlock, TextModel

SPACE = LabelSpace(1, ("books", "shoes"))


def tiny_bundle(label_space: LabelSpace = SPACE) -> ModelBundle:
    """A text-only bundle: "book" speaks for books, "shoe" for shoes, both clearly."""
    terms = ("book", "shoe")
    words = TermBlock(
        kind="words",
        terms=terms,
        idf=np.ones(len(terms), dtype=np.float32),
        coefficients=np.array([[4.0, -4.0], [-4.0, 4.0]], dtype=np.float32),
    )
    nothing = np.zeros((0, len(terms)), dtype=np.float32)
    characters = TermBlock("characters", (), np.zeros(0, dtype=np.float32), nothing)
    text = TextModel(
        label_space=label_space,
        classes=SPACE.classes,
        words=words,
        characters=characters,
        intercept=np.zeros(len(terms), dtype=np.float32),
        temperature=1.0,
    )
    info = BundleInfo(
        snapshot_digest="d" * 64,
        as_of="2026-01-01T00:00:00+00:00",
        seed=42,
        low_confidence_share=0.25,
    )
    return ModelBundle(label_space, text, None, Fusion(0.0), 1.0, info)


def contrary_bundle() -> ModelBundle:
    """Says the contrary of the tiny bundle: "book" speaks for shoes."""
    bundle = tiny_bundle()
    words = replace(bundle.text.words, coefficients=-bundle.text.words.coefficients)
    return replace(bundle, text=replace(bundle.text, words=words))


class FragileBundle:
    """A bundle that breaks at titles with certain endings."""

    def __init__(self, bundle: ModelBundle, *breaking: str) -> None:
        self._bundle = bundle
        self._breaking = breaking

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bundle, name)

    def predict_usable(self, inputs: Sequence[ModelInput]) -> Any:
        if any(each.title.endswith(self._breaking) for each in inputs):
            raise ValueError("broken")
        return self._bundle.predict_usable(inputs)
