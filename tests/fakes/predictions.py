"""The prediction log and the review queue in memory."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ml.adapters.postgres.checks import checked_row, checked_text
from ml.domain.errors import NotFound
from ml.domain.labels import LabelSource
from ml.domain.predictions import Prediction, ReviewItem
from tests.fakes.database import InMemoryDatabase


class InMemoryPredictionLog:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def append(self, predictions: Sequence[Prediction]) -> int:
        database = self._database
        with database.transaction():
            new: dict[str, Prediction] = {}
            for each in predictions:
                stored = _stored(each)
                checked_row(vars(stored))
                if each.prediction_id not in database.predictions:
                    new.setdefault(each.prediction_id, stored)
            database.keep_products(each.product for each in new.values())
            database.predictions.update(new)
            return len(new)

    def get(self, prediction_id: str) -> Prediction:
        with self._database.transaction():
            checked_text("prediction_id", prediction_id)
            try:
                return self._database.predictions[prediction_id]
            except KeyError:
                raise NotFound(f"prediction {prediction_id!r} does not exist") from None

    def count(self) -> int:
        with self._database.transaction():
            return len(self._database.predictions)


def _stored(prediction: Prediction) -> Prediction:
    return replace(
        prediction,
        selections=tuple(sorted(prediction.selections, key=lambda one: one.reason)),
        signals={name: value for name, value in prediction.signals.items() if math.isfinite(value)},
    )


class InMemoryReviewQueue:
    """Feeds on the selections of the prediction log that shares its database."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        with self._database.transaction():
            checked_text("reviewer", reviewer)
            now = self._database.clock()
            leased = {
                self._database.predictions[prediction_id].product.product_id
                for prediction_id, until in self._database.leases.items()
                if until > now
            }
            for prediction in self._unlabelled():
                if prediction.product.product_id not in leased:
                    self._database.leases[prediction.prediction_id] = now + lease_seconds
                    return ReviewItem(prediction.prediction_id, prediction.product)
            return None

    def waiting(self) -> int:
        with self._database.transaction():
            return len(self._unlabelled())

    def _unlabelled(self) -> list[Prediction]:
        """Selected predictions of products without a review label, oldest first."""
        done = {
            (label.product_id, label.product_digest)
            for label in self._database.labels.values()
            if label.source is LabelSource.REVIEW
        }
        waiting = [
            prediction
            for prediction in self._database.predictions.values()
            if prediction.selections
            and (prediction.product.product_id, prediction.product.digest) not in done
        ]
        return sorted(waiting, key=lambda each: (each.predicted_at, each.prediction_id))
