"""From checked products to logged predictions: choose the arm, predict, draw for review, record."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.domain.digests import digest_of
from ml.domain.errors import ServiceUnavailable
from ml.domain.ports import PredictionCache
from ml.domain.predictions import Prediction
from ml.rollout.selection import SelectionPolicy, plan_selection, select_for_review
from ml.serving.errors import Refused
from ml.serving.inputs import Item
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore
from ml.serving.readings import Model, Reading, cache_key, from_entry, read_products, to_entry
from ml.serving.served import ServedRollout
from ml.serving.spool import Spool
from ml.wiring.config import Settings

NO_CHAMPION = "no model serves yet: import a catalogue and run the DAG retrain_monthly"


@dataclass(frozen=True)
class Answered:
    """A logged prediction and the categories that its probabilities speak of, in order."""

    prediction: Prediction
    classes: tuple[str, ...]


class Predictor:
    """Answers products as the rollout says; an answer it returns is in the spool."""

    def __init__(
        self,
        models: ModelStore,
        cache: PredictionCache,
        spool: Spool,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._models = models
        self._cache = cache
        self._spool = spool
        self._metrics = metrics
        self._settings = settings

    def answer(self, items: Sequence[Item]) -> list[Answered]:
        """Predict, draw for review and log, all by one state of the rollout, all or nothing.

        Raises ServiceUnavailable without a champion or when the log can't be written, Refused for
        a product that its model finds nothing readable in.
        """
        served = self._models.current()
        if served is None:
            raise ServiceUnavailable(NO_CHAMPION)
        models = [served.model_for(item.product.product_id) for item in items]
        readings = self._readings(models, items)
        predictions = [
            self._predicted(served, *each) for each in zip(models, items, readings, strict=True)
        ]
        self._spool.append(
            predictions,
            {
                item.product.picture: item.picture
                for item in items
                if item.unkept and item.product.picture and item.picture is not None
            },
        )
        pairs = zip(predictions, models, strict=True)
        answered = [Answered(each, model.bundle.label_space.classes) for each, model in pairs]
        self._count(answered)
        return answered

    def _readings(self, models: Sequence[Model], items: Sequence[Item]) -> list[Reading]:
        """What each item's model makes of it, from the cache where it has that."""
        keys = [cache_key(*pair) for pair in zip(models, items, strict=True)]
        found = {
            i: reading
            for i, entry in enumerate(self._cache.get(keys))
            if (reading := from_entry(entry, len(models[i].bundle.label_space)))
        }
        missing = [i for i in range(len(items)) if i not in found]
        self._metrics.cached(hits=len(found), misses=len(missing))
        if missing:
            made = _made(models, items, missing)
            self._cache.put({keys[i]: to_entry(reading) for i, reading in made.items()})
            found |= made
        return [found[i] for i in range(len(items))]

    def _predicted(
        self, served: ServedRollout, model: Model, item: Item, reading: Reading
    ) -> Prediction:
        probabilities = _distribution(reading.probabilities)
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        prediction_id = _prediction_id(model, item)
        space = model.bundle.label_space
        return Prediction(
            prediction_id=prediction_id,
            product=item.product,
            model_version=model.version.model_version,
            arm=model.arm,
            label_space_version=space.version,
            probabilities=tuple(probabilities.tolist()),
            category=space.classes[best],
            confidence=confidence,
            predicted_at=item.at,
            selections=select_for_review(
                prediction_id, item.product, confidence, self._policy(model)
            ),
            experiment=served.trial.experiment if served.trial else None,
            signals=reading.signals,
        )

    def _policy(self, model: Model) -> SelectionPolicy:
        settings = self._settings
        return plan_selection(
            confidence_threshold=settings.confidence_threshold,
            capacity_per_day=settings.review_capacity_per_day,
            products_per_day=settings.products_per_day,
            low_confidence_share=model.bundle.info.low_confidence_share,
            audit_share=settings.audit_share,
            seed=settings.selection_seed,
        )

    def _count(self, answered: Sequence[Answered]) -> None:
        for each in answered:
            prediction, category = each.prediction, each.prediction.category
            self._metrics.predicted(
                prediction.model_version,
                prediction.arm,
                category,
                each.classes.index(category),
            )
            if prediction.confidence < self._settings.confidence_threshold:
                self._metrics.low_confidence.inc()
            for selection in prediction.selections:
                self._metrics.selected(selection.reason)


def _made(
    models: Sequence[Model], items: Sequence[Item], wanted: Sequence[int]
) -> dict[int, Reading]:
    """Readings of the wanted items by their position; each model reads its own at once."""
    made: dict[int, Reading] = {}
    for model in {id(models[i]): models[i] for i in wanted}.values():
        own = [i for i in wanted if models[i] is model]
        readings = read_products(model, [items[i] for i in own])
        for i, reading in zip(own, readings, strict=True):
            if reading is None:
                raise _unreadable(model, f"products.{i}" if len(items) > 1 else "title")
            made[i] = reading
    return made


def _unreadable(model: Model, field: str) -> Refused:
    return Refused(
        422,
        "the model finds nothing it can read in the product",
        field=field,
        remedy="send a title or description with words"
        + (", or a picture" if model.bundle.image else ": this model reads text only"),
    )


def _distribution(row: NDArray[np.float32]) -> NDArray[np.float64]:
    """In float64 and summing to 1; equal for a cached and a fresh answer."""
    exact = row.astype(np.float64)
    exact /= exact.sum()
    return exact


def _prediction_id(model: Model, item: Item) -> str:
    """Random, or the same for a request that is repeated: then the log keeps it once.

    The product is part of it, so that a request id used twice by mistake loses no prediction. So is
    the version: another one that came in between answers anew, and the log has both answers.
    """
    if item.request_id is None:
        return uuid.uuid4().hex
    product = item.product
    version = model.version.model_version
    return digest_of(item.request_id, product.product_id, product.digest, version)[:32]


def top_classes(
    probabilities: Sequence[float], classes: Sequence[str], count: int = 5
) -> list[tuple[str, float]]:
    """The likeliest categories with their probabilities, best first.

    >>> top_classes([0.1, 0.7, 0.2], ["a", "b", "c"], count=2)
    [('b', 0.7), ('c', 0.2)]
    """
    order = np.argsort(-np.asarray(probabilities), kind="stable")[:count]
    return [(classes[i], float(probabilities[i])) for i in order]
