"""Rows on their way into a table: checked, in key order, and each written at most once."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Connection, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from ml.adapters.postgres.checks import checked_row
from ml.domain.predictions import ReviewSelection, SelectionReason
from ml.domain.products import Product

_ROWS_A_STATEMENT = 5_000


def insert_new(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """Insert the rows whose key is not taken; returns the primary keys of those that were new.

    Writers insert in key order, so two of them with the same rows never wait for each other in
    a circle. Raises InvalidInput naming the field that can't be stored.
    """
    keys = [key.name for key in table.primary_key]
    return insert_in_turn(
        connection, table, sorted(rows, key=lambda row: [row[key] for key in keys])
    )


def insert_in_turn(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """`insert_new` in the order of the rows, for writers that hold the table's lock."""
    ordered = list(map(checked_row, rows))
    new: list[tuple[Any, ...]] = []
    for start in range(0, len(ordered), _ROWS_A_STATEMENT):
        batch = ordered[start : start + _ROWS_A_STATEMENT]
        statement = _insert(table, tuple(batch[0]))
        new.extend(map(tuple, connection.execute(statement, {"rows": _as_json(batch)})))
    return new


@cache
def _insert(table: Table, names: tuple[str, ...]) -> ReturningInsert[Any]:
    """All rows travel as one JSON parameter: half the time of VALUES lists, and arrays fit in."""
    columns = [column(name, table.c[name].type) for name in names]
    rows = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
        .table_valued(*columns)
        .render_derived(with_types=True)
    )
    return (
        insert(table)
        .from_select(names, select(*rows.c))
        .on_conflict_do_nothing()
        .returning(*table.primary_key)
    )


def _as_json(rows: list[Mapping[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, allow_nan=False, default=datetime.isoformat)


def product_row(product: Product) -> dict[str, object]:
    """The revision as a row of `products`."""
    return {
        "product_id": product.product_id,
        "product_digest": product.digest,
        "title": product.title,
        "description": product.description,
        "picture": product.picture,
        "listed_at": product.listed_at,
    }


def product_of(row: Any) -> Product:
    """The revision in a row that has the columns of `products`."""
    return Product(
        product_id=row.product_id,
        title=row.title,
        description=row.description,
        picture=row.picture,
        listed_at=row.listed_at,
    )


def selection_row(selection: ReviewSelection, product: Product, *, at: datetime) -> dict[str, Any]:
    """The selection as a row of `review_selections`, made at that time."""
    return {
        "prediction_id": selection.prediction_id,
        "reason": selection.reason.value,
        "product_id": product.product_id,
        "product_digest": product.digest,
        "probability": selection.probability,
        "inclusion_probability": selection.inclusion_probability,
        "selected_at": at,
        "reviews": selection.reviews,
    }


def selection_of(row: Any) -> ReviewSelection:
    """The selection in a row that has the columns of `review_selections`."""
    return ReviewSelection(
        row.prediction_id,
        SelectionReason(row.reason),
        row.probability,
        row.inclusion_probability,
        row.reviews,
    )
