"""What a model makes of products: probabilities and watched signals, fresh or from the cache."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.domain.digests import digest_of
from ml.domain.ports import PredictionCache
from ml.models.bundle import ModelInput
from ml.serving.inputs import Item
from ml.serving.served import Model
from ml.signals.image import image_signals
from ml.signals.manifest import SIGNALS
from ml.signals.prediction import prediction_signals
from ml.signals.text import text_signals

_log = logging.getLogger(__name__)

_FORMAT: Final = digest_of(*SIGNALS)[:8]


@dataclass(frozen=True, eq=False)
class Reading:
    """Probabilities of one product's classes, [K], not NaN, and its signals by name."""

    probabilities: NDArray[np.float32]
    signals: Mapping[str, float]

    def distribution(self) -> NDArray[np.float64]:
        """The probabilities, summing to 1; equal for a cached and a fresh reading."""
        exact = self.probabilities.astype(np.float64)
        exact /= exact.sum()
        return exact


@dataclass(frozen=True, eq=False)
class Read:
    """A reading, None where the model finds nothing that it can read, or breaks: then `fault` says.

    `milliseconds` are its part of the time that the model took; None for one from the cache.
    """

    reading: Reading | None
    milliseconds: float | None = None
    fault: Exception | None = None


def read_through(
    cache: PredictionCache, models: Sequence[Model], items: Sequence[Item]
) -> list[Read]:
    """What each item's model makes of it, from the cache where it has that."""
    keys = [cache_key(*pair) for pair in zip(models, items, strict=True)]
    reads = {
        i: Read(reading)
        for i, entry in enumerate(cache.get(keys))
        if (reading := from_entry(entry, len(models[i].bundle.label_space)))
    }
    missing = [i for i in range(len(items)) if i not in reads]
    for model in {id(models[i]): models[i] for i in missing}.values():
        own = [i for i in missing if models[i] is model]
        reads |= zip(own, _timed(model, [items[i] for i in own]), strict=True)
    made = {keys[i]: reads[i].reading for i in missing}
    cache.put({key: to_entry(reading) for key, reading in made.items() if reading})
    return [reads[i] for i in range(len(items))]


def _timed(model: Model, items: Sequence[Item]) -> list[Read]:
    """A product that breaks the model is read by itself, so that it takes no other with it."""
    started = time.perf_counter()
    try:
        readings = read_products(model, items)
    except Exception as fault:
        if len(items) > 1:
            return [read for item in items for read in _timed(model, [item])]
        _log.exception("model version %s broke", model.version.model_version)
        return [Read(None, fault=fault)]
    each = (time.perf_counter() - started) * 1_000 / len(items)
    return [Read(reading, each) for reading in readings]


def read_products(model: Model, items: Sequence[Item]) -> list[Reading | None]:
    """One reading a product; None where the model finds nothing that it can read."""
    inputs = [
        ModelInput(item.product.title, item.product.description, item.picture) for item in items
    ]
    predicted = model.bundle.predict_usable(inputs)
    rows = predicted.probabilities.astype(np.float32)
    return [
        Reading(row, _signals(model, item) | prediction_signals(text, image))
        if np.isfinite(row).all()
        else None
        for item, row, text, image in zip(items, rows, predicted.text, predicted.image, strict=True)
    ]


def _signals(model: Model, item: Item) -> dict[str, float]:
    product = item.product
    known = model.bundle.text.known_word_share
    text = text_signals(product.title, product.description, known_word_share=known)
    return text | image_signals(item.picture)


def cache_key(model: Model, item: Item) -> str:
    """Names a reading: the bundle, the product as it was shown, and the form of an entry."""
    space = model.bundle.label_space.version
    return f"{model.version.bundle_digest}:{space}:{_FORMAT}:{item.product.digest}"


def to_entry(reading: Reading) -> bytes:
    """A reading as the cache keeps it; `from_entry` gives an equal one back."""
    signals = np.array([reading.signals.get(name, np.nan) for name in SIGNALS])
    return reading.probabilities.tobytes() + signals.tobytes()


def from_entry(entry: bytes | None, classes: int) -> Reading | None:
    """A cached reading; None when there is none or it is not one of this many classes."""
    if entry is None or len(entry) != 4 * classes + 8 * len(SIGNALS):
        return None
    probabilities = np.frombuffer(entry, dtype=np.float32, count=classes)
    if not np.isfinite(probabilities).all() or not probabilities.sum() > 0:
        return None
    signals = np.frombuffer(entry[4 * classes :], dtype=np.float64).tolist()
    named = zip(SIGNALS, signals, strict=True)
    return Reading(probabilities, {name: value for name, value in named if np.isfinite(value)})
