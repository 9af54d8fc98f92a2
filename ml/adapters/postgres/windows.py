"""Spans of the prediction log, as drift checks and judges look at them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from ml.adapters.postgres.arrow import batch_of
from ml.adapters.postgres.checks import checked_text, checked_time, numbers_of
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.selected import answer_totals, selected_answers
from ml.adapters.postgres.tables import labels, predictions
from ml.domain.labels import LabelSource
from ml.domain.ports import OUTCOME_SCHEMA, SELECTED_SCHEMA, TOTALS_SCHEMA, WINDOW_SCHEMA

_OLDEST_FIRST = (predictions.c.predicted_at, predictions.c.prediction_id)
_ANSWERS = select(*(predictions.c[name] for name in WINDOW_SCHEMA.names), predictions.c.signals)


class PostgresServedWindows:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first(self, model_version: int, *, products: int, until: datetime) -> pa.Table:
        """The first predictions a version ever gave, up to `until` (inclusive)."""
        span = _span(model_version, until=until)
        return self._window(_ANSWERS.where(*span).order_by(*_OLDEST_FIRST).limit(products))

    def last(
        self, model_version: int, *, products: int, until: datetime, since: datetime | None = None
    ) -> pa.Table:
        """The last predictions of a version up to `until`, or an even sample of those `since`."""
        span = _span(model_version, since=since, until=until)
        if since is not None:
            return self._window(_even_sample(span, products).order_by(*_OLDEST_FIRST))
        newest_first = [column.desc() for column in _OLDEST_FIRST]
        newest = select(*_OLDEST_FIRST).where(*span).order_by(*newest_first).limit(products)
        return self._window(_among(newest).order_by(*_OLDEST_FIRST))

    def outcomes(
        self,
        *,
        as_of: datetime,
        model_version: int | None = None,
        experiment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        """Predictions with the first review label given by `as_of`, oldest prediction first."""
        conditions = [
            *_span(model_version, since=since, until=until),
            labels.c.source == LabelSource.REVIEW.value,
            labels.c.labelled_at <= checked_time("as_of", as_of),
        ]
        if experiment is not None:
            conditions.append(predictions.c.experiment == checked_text("experiment", experiment))
        query = (
            select(*_OUTCOME_COLUMNS)
            .select_from(
                predictions.join(labels, labels.c.prediction_id == predictions.c.prediction_id)
            )
            .where(*conditions)
            .ext(distinct_on(*_OLDEST_FIRST))
            .order_by(*_OLDEST_FIRST, labels.c.labelled_at, labels.c.label_id)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return pa.Table.from_batches([batch_of(rows, OUTCOME_SCHEMA)])

    def selected(
        self,
        model_version: int,
        *,
        as_of: datetime,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        """Products drawn for review by `as_of`, labelled by then or not yet, oldest first."""
        span = _span(model_version, since=since, until=until)
        query = selected_answers(span, checked_time("as_of", as_of))
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return pa.Table.from_batches([batch_of(rows, SELECTED_SCHEMA)])

    def totals(
        self, model_version: int, *, since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """What a version answered in a span, by category: each product as it was shown once."""
        query = answer_totals(_span(model_version, since=since, until=until))
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return pa.Table.from_batches([batch_of(rows, TOTALS_SCHEMA)])

    def _window(self, query: Select[Any]) -> pa.Table:
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return pa.Table.from_batches([_with_signals(rows)])


def _span(
    model_version: int | None, *, since: datetime | None = None, until: datetime | None = None
) -> list[ColumnElement[bool]]:
    """What is asked of a prediction; None asks nothing."""
    columns = predictions.c
    conditions = []
    if model_version is not None:
        conditions.append(columns.model_version == model_version)
    if since is not None:
        conditions.append(columns.predicted_at >= checked_time("since", since))
    if until is not None:
        conditions.append(columns.predicted_at <= checked_time("until", until))
    return conditions


def _even_sample(span: Sequence[ColumnElement[bool]], products: int) -> Select[Any]:
    """Ranks that are evenly spread over the span; all of them when they are not too many."""
    ranked = (
        select(
            *_OLDEST_FIRST,
            func.row_number().over(order_by=_OLDEST_FIRST).label("rank"),
            func.count().over().label("total"),
        )
        .where(*span)
        .subquery()
    )
    rank, total = ranked.c.rank, ranked.c.total
    begins_a_share = rank * products // total > (rank - 1) * products // total
    return _among(select(ranked.c.predicted_at, ranked.c.prediction_id).where(begins_a_share))


def _among(chosen: Select[Any]) -> Select[Any]:
    """The answers of the chosen ids; choosing by index alone leaves the wide rows unread."""
    ids = chosen.subquery()
    return _ANSWERS.join(
        ids,
        (ids.c.prediction_id == predictions.c.prediction_id)
        & (ids.c.predicted_at == predictions.c.predicted_at),
    )


_OUTCOME_COLUMNS = [
    labels.c.category.label("label")
    if field.name == "label"
    else (predictions if field.name in predictions.c else labels).c[field.name]
    for field in OUTCOME_SCHEMA
]


def _with_signals(rows: Sequence[Any]) -> pa.RecordBatch:
    """One column a signal that any of the rows has; a row of before the signals has none."""
    signals = [numbers_of(row.signals or {}) for row in rows]
    names = sorted(set().union(*signals))
    fields = [pa.field(name, pa.float64()) for name in names]
    values = [
        (*answer, *map(numbers.get, names))
        for (*answer, _), numbers in zip(rows, signals, strict=True)
    ]
    return batch_of(values, pa.schema([*WINDOW_SCHEMA, *fields]))
