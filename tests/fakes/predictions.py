"""The prediction log in memory."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ml.adapters.postgres.checks import checked_row, checked_text
from ml.domain.errors import NotFound
from ml.domain.predictions import Prediction, ReviewSelection
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
            for each in new.values():
                for selection in each.selections:
                    database.select(selection, each.product, at=each.predicted_at)
            return len(new)

    def get(self, prediction_id: str) -> Prediction:
        with self._database.transaction():
            checked_text("prediction_id", prediction_id)
            try:
                prediction = self._database.predictions[prediction_id]
            except KeyError:
                raise NotFound(f"prediction {prediction_id!r} does not exist") from None
            return replace(prediction, selections=self._selections(prediction_id))

    def _selections(self, prediction_id: str) -> tuple[ReviewSelection, ...]:
        """By reason; later ones of a comparison included."""
        chosen = [
            each.selection
            for (selected, _), each in self._database.selections.items()
            if selected == prediction_id
        ]
        return tuple(sorted(chosen, key=lambda each: each.reason))

    def count(self) -> int:
        with self._database.transaction():
            return len(self._database.predictions)


def _stored(prediction: Prediction) -> Prediction:
    return replace(
        prediction,
        signals={name: value for name, value in prediction.signals.items() if math.isfinite(value)},
    )
