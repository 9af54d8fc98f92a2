"""Append-only labels and the product revisions they speak of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Select, select

from ml.adapters.postgres import tables
from ml.adapters.postgres.arrow import batch_of
from ml.adapters.postgres.checks import checked_time
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.label_spaces import label_space
from ml.adapters.postgres.rows import insert_new, product_row
from ml.domain.labels import Label
from ml.domain.ports import LABEL_SCHEMA
from ml.domain.products import Product

_ROWS_A_BATCH = 10_000


class PostgresLabelStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, labels: Sequence[Label], products: Sequence[Product] = ()) -> int:
        """Store labels, and the revisions they refer to, in one transaction.

        Returns how many labels were new. Raises NotFound for an unknown product revision or
        label-space version, InvalidInput for a category its version doesn't know: a row that
        can't be trained on must not enter a table that forgets nothing.
        """
        with transaction(self._engine) as connection:
            _check_categories(connection, labels)
            insert_new(connection, tables.products, map(product_row, products))
            return len(insert_new(connection, tables.labels, map(_row, labels)))

    def read(self, as_of: datetime) -> pa.Table:
        """All labels given up to `as_of` (inclusive), LABEL_SCHEMA, in no particular order."""
        query = _query(checked_time("as_of", as_of))
        with transaction(self._engine) as connection:
            result = connection.execution_options(yield_per=_ROWS_A_BATCH).execute(query)
            batches = [batch_of(rows, LABEL_SCHEMA) for rows in result.partitions()]
        return pa.Table.from_batches(batches, schema=LABEL_SCHEMA)


def _check_categories(connection: Connection, labels: Sequence[Label]) -> None:
    stated = {(label.label_space_version, label.category) for label in labels}
    spaces = {version: label_space(connection, version) for version, _ in stated}
    for version, category in stated:
        spaces[version].index(category)


def _row(label: Label) -> dict[str, Any]:
    return {
        "label_id": label.label_id,
        "product_id": label.product_id,
        "product_digest": label.product_digest,
        "category": label.category,
        "label_space_version": label.label_space_version,
        "source": label.source.value,
        "reviewer": label.reviewer,
        "labelled_at": label.labelled_at,
        "inclusion_probability": label.inclusion_probability,
        "prediction_id": label.prediction_id,
    }


def _query(as_of: datetime) -> Select[Any]:
    labels, products = tables.labels, tables.products
    columns = [
        (labels if field.name in labels.c else products).c[field.name] for field in LABEL_SCHEMA
    ]
    same_revision = (labels.c.product_id == products.c.product_id) & (
        labels.c.product_digest == products.c.product_digest
    )
    return (
        select(*columns)
        .select_from(labels.join(products, same_revision))
        .where(labels.c.labelled_at <= as_of)
    )
