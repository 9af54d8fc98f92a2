"""The log of answered predictions, in monthly partitions made when a month is first written to."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from ml.adapters.postgres import tables
from ml.adapters.postgres.checks import checked_text, checked_time, numbers_of
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.rows import (
    insert_new,
    product_of,
    product_row,
    selection_of,
    selection_row,
)
from ml.domain.errors import NotFound
from ml.domain.predictions import Arm, Prediction, ReviewSelection


class PostgresPredictionLog:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._months: set[date] = set()  # whose partition is known to exist

    def append(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions with their product revisions and selections in one transaction.

        Returns how many were new. An id is taken once, whatever its time, so a request that is
        sent again, or a write whose acknowledgment got lost, doubles nothing.
        """
        self._ensure_partitions(predictions)
        by_id = {each.prediction_id: each for each in reversed(predictions)}  # the first one stays
        with transaction(self._engine) as connection:
            ids = [_id_row(prediction) for prediction in by_id.values()]
            taken = insert_new(connection, tables.prediction_ids, ids)
            new = [by_id[prediction_id] for (prediction_id,) in taken]
            insert_new(connection, tables.products, [product_row(each.product) for each in new])
            insert_new(connection, tables.predictions, map(_row, new))
            insert_new(connection, tables.review_selections, _selection_rows(new))
        return len(new)

    def _ensure_partitions(self, predictions: Iterable[Prediction]) -> None:
        """In transactions of their own, so that the lock of one is held for a moment only."""
        months = {_month(each) for each in predictions} - self._months
        for month in sorted(months):
            with transaction(self._engine) as connection:
                connection.execute(select(func.ensure_predictions_partition(month)))
        self._months |= months

    def get(self, prediction_id: str) -> Prediction:
        """One prediction with its selections; raises NotFound."""
        checked_text("prediction_id", prediction_id)
        with transaction(self._engine) as connection:
            row = _find(connection, prediction_id)
            if row is None:
                raise NotFound(f"prediction {prediction_id!r} does not exist")
            return _prediction(row, _selections(connection, prediction_id))

    def count(self) -> int:
        """How many predictions were ever answered."""
        with transaction(self._engine) as connection:
            query = select(func.count()).select_from(tables.prediction_ids)
            return connection.scalar(query) or 0


def _month(prediction: Prediction) -> date:
    at = checked_time("predicted_at", prediction.predicted_at).astimezone(UTC)
    return date(at.year, at.month, 1)


def _id_row(prediction: Prediction) -> dict[str, Any]:
    return {
        "prediction_id": prediction.prediction_id,
        "predicted_at": prediction.predicted_at,
    }


def _row(prediction: Prediction) -> dict[str, Any]:
    return {
        **_id_row(prediction),
        "product_id": prediction.product.product_id,
        "product_digest": prediction.product.digest,
        "model_version": prediction.model_version,
        "arm": prediction.arm.value,
        "label_space_version": prediction.label_space_version,
        "probabilities": prediction.probabilities,
        "category": prediction.category,
        "confidence": prediction.confidence,
        "experiment": prediction.experiment,
        "signals": {
            name: float(value)
            for name, value in prediction.signals.items()
            if math.isfinite(value)  # JSON has no other; a signal without value is left out
        },
    }


def _selection_rows(predictions: Iterable[Prediction]) -> Iterator[dict[str, Any]]:
    for prediction in predictions:
        for selection in prediction.selections:
            yield selection_row(selection, prediction.product, at=prediction.predicted_at)


def _find(connection: Connection, prediction_id: str) -> Any:
    """The row with its product; the id's time leads to the one partition it is in."""
    ids, predictions, products = tables.prediction_ids, tables.predictions, tables.products
    same_prediction = (ids.c.prediction_id == predictions.c.prediction_id) & (
        ids.c.predicted_at == predictions.c.predicted_at
    )
    same_revision = (predictions.c.product_id == products.c.product_id) & (
        predictions.c.product_digest == products.c.product_digest
    )
    query = (
        select(
            predictions,
            products.c.title,
            products.c.description,
            products.c.picture,
            products.c.listed_at,
        )
        .select_from(ids.join(predictions, same_prediction).join(products, same_revision))
        .where(ids.c.prediction_id == prediction_id)
    )
    return connection.execute(query).first()


def _selections(connection: Connection, prediction_id: str) -> tuple[ReviewSelection, ...]:
    columns = tables.review_selections.c
    query = (
        select(tables.review_selections)
        .where(columns.prediction_id == prediction_id)
        .order_by(columns.reason)
    )
    return tuple(map(selection_of, connection.execute(query)))


def _prediction(row: Any, selections: tuple[ReviewSelection, ...]) -> Prediction:
    return Prediction(
        prediction_id=row.prediction_id,
        product=product_of(row),
        model_version=row.model_version,
        arm=Arm(row.arm),
        label_space_version=row.label_space_version,
        probabilities=tuple(row.probabilities),
        category=row.category,
        confidence=row.confidence,
        predicted_at=row.predicted_at,
        selections=selections,
        experiment=row.experiment,
        signals=numbers_of(row.signals or {}),  # a row of before has none
    )
