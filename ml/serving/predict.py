"""From checked products to logged predictions: look up, predict, draw for review, record."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.domain.digests import digest_of
from ml.domain.errors import ServiceUnavailable
from ml.domain.ports import PredictionCache
from ml.domain.predictions import Arm, Prediction
from ml.models.bundle import ModelInput
from ml.rollout.selection import SelectionPolicy, plan_selection, select_for_review
from ml.serving.errors import Refused
from ml.serving.inputs import Item
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore, ServedModel
from ml.serving.spool import Spool
from ml.wiring.config import Settings

NO_CHAMPION = "no model serves yet: import a catalogue and run the DAG retrain_monthly"

_FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """Logged predictions and the categories that their probabilities speak of, in order."""

    predictions: list[Prediction]
    classes: tuple[str, ...]


class Predictor:
    """Answers products with the champion; an answer it returns is in the spool."""

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

    def answer(self, items: Sequence[Item]) -> Answered:
        """Predict, draw for review and log, all with one model.

        Raises ServiceUnavailable without a champion or when the log can't be written, Refused for
        a product that the model finds nothing readable in.
        """
        served = self._models.current()
        if served is None:
            raise ServiceUnavailable(NO_CHAMPION)
        rows = self._probabilities(served, items)
        policy = self._policy(served)
        pairs = zip(items, rows, strict=True)
        predictions = [_predicted(served, item, row, policy) for item, row in pairs]
        self._spool.append(
            predictions,
            {
                item.product.picture: item.picture
                for item in items
                if item.unkept and item.product.picture and item.picture is not None
            },
        )
        self._count(served, predictions)
        return Answered(predictions, served.bundle.label_space.classes)

    def _probabilities(self, served: ServedModel, items: Sequence[Item]) -> list[_FloatArray]:
        """One distribution an item, from the cache where it has one."""
        keys = [_cache_key(served, item) for item in items]
        classes = len(served.bundle.label_space)
        found = [_read_row(entry, classes) for entry in self._cache.get(keys)]
        missing = [i for i, row in enumerate(found) if row is None]
        self._metrics.cached(hits=len(items) - len(missing), misses=len(missing))
        if missing:
            computed = _computed(served, items, missing)
            self._cache.put({keys[i]: computed[i].tobytes() for i in missing})
            found = [computed.get(i, row) for i, row in enumerate(found)]
        return [_distribution(row) for row in found if row is not None]

    def _policy(self, served: ServedModel) -> SelectionPolicy:
        settings = self._settings
        return plan_selection(
            confidence_threshold=settings.confidence_threshold,
            capacity_per_day=settings.review_capacity_per_day,
            products_per_day=settings.products_per_day,
            low_confidence_share=served.bundle.info.low_confidence_share,
            audit_share=settings.audit_share,
            seed=settings.selection_seed,
        )

    def _count(self, served: ServedModel, predictions: Sequence[Prediction]) -> None:
        space = served.bundle.label_space
        for prediction in predictions:
            category = prediction.category
            self._metrics.predicted(
                prediction.model_version, prediction.arm, category, space.index(category)
            )
            if prediction.confidence < self._settings.confidence_threshold:
                self._metrics.low_confidence.inc()
            for selection in prediction.selections:
                self._metrics.selected(selection.reason)


def _cache_key(served: ServedModel, item: Item) -> str:
    space = served.bundle.label_space.version
    return f"{served.champion.bundle_digest}:{space}:{item.product.digest}"


def _computed(
    served: ServedModel, items: Sequence[Item], wanted: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Distributions of the wanted items by their position, rounded as the cache keeps them."""
    inputs = [
        ModelInput(items[i].product.title, items[i].product.description, items[i].picture)
        for i in wanted
    ]
    rows = served.bundle.predict_usable(inputs).probabilities.astype(np.float32)
    for i, row in zip(wanted, rows, strict=True):
        if not np.isfinite(row).all():
            place = f"products.{i}" if len(items) > 1 else "title"
            raise Refused(
                422,
                "the model finds nothing it can read in the product",
                field=place,
                remedy="send a title or description with words"
                + (", or a picture" if served.bundle.image else ": this model reads text only"),
            )
    return dict(zip(wanted, rows, strict=True))


def _read_row(entry: bytes | None, classes: int) -> NDArray[np.float32] | None:
    """A cached distribution; None when there is none or it is not one of this many classes."""
    if entry is None or len(entry) != classes * 4:
        return None
    row = np.frombuffer(entry, dtype=np.float32)
    return row if np.isfinite(row).all() and row.sum() > 0 else None


def _distribution(row: NDArray[np.float32]) -> _FloatArray:
    """In float64 and summing to 1; equal for a cached and a fresh answer."""
    exact = row.astype(np.float64)
    exact /= exact.sum()
    return exact


def _predicted(
    served: ServedModel, item: Item, probabilities: _FloatArray, policy: SelectionPolicy
) -> Prediction:
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    prediction_id = _prediction_id(served, item)
    space = served.bundle.label_space
    return Prediction(
        prediction_id=prediction_id,
        product=item.product,
        model_version=served.champion.model_version,
        arm=Arm.CHAMPION,
        label_space_version=space.version,
        probabilities=tuple(probabilities.tolist()),
        category=space.classes[best],
        confidence=confidence,
        predicted_at=item.at,
        selections=select_for_review(prediction_id, item.product, confidence, policy),
    )


def _prediction_id(served: ServedModel, item: Item) -> str:
    """Random, or the same for a request that is repeated: then the log keeps it once.

    The product is part of it, so that a request id used twice by mistake loses no prediction. So is
    the version: one promoted in between answers anew, and the log has both answers, as given.
    """
    if item.request_id is None:
        return uuid.uuid4().hex
    product = item.product
    version = served.champion.model_version
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
