"""Label spaces and the label store in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from ml.adapters.postgres.checks import checked_row, checked_text, checked_time
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import EMPTY_LABEL_SPACE, Label, LabelSpace
from ml.domain.ports import LABEL_SCHEMA
from ml.domain.products import Product
from tests.fakes.database import InMemoryDatabase


class InMemoryLabelSpaces:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def current(self) -> LabelSpace:
        with self._database.transaction():
            spaces = self._database.label_spaces
            return spaces[max(spaces)] if spaces else EMPTY_LABEL_SPACE

    def get(self, version: int) -> LabelSpace:
        with self._database.transaction():
            try:
                return self._database.label_spaces[version]
            except KeyError:
                raise NotFound(f"label space version {version} does not exist") from None

    def extend(self, categories: Iterable[str], *, cause: str, at: datetime) -> LabelSpace:
        with self._database.transaction():
            wanted = list(categories)
            for category in wanted:
                checked_text("category", category)
            space = self.current().extend(wanted)
            if space.version:
                self._database.label_spaces[space.version] = space
            return space


class InMemoryLabelStore:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def append(self, labels: Sequence[Label], products: Sequence[Product] = ()) -> int:
        database = self._database
        with database.transaction():
            offered = {(product.product_id, product.digest) for product in products}
            for label in labels:
                self._check(label, offered)
            database.keep_products(products)
            before = len(database.labels)
            for label in labels:
                database.labels.setdefault(label.label_id, label)
            return len(database.labels) - before

    def _check(self, label: Label, offered: set[tuple[str, str]]) -> None:
        checked_row(vars(label))
        space = InMemoryLabelSpaces(self._database).get(label.label_space_version)
        space.index(label.category)
        if not 0 < label.inclusion_probability <= 1:
            raise InvalidInput(f"inclusion_probability {label.inclusion_probability} not in (0, 1]")
        revision = (label.product_id, label.product_digest)
        if revision not in offered and revision not in self._database.products:
            raise NotFound(f"product {label.product_id!r} has no revision {label.product_digest}")

    def read(self, as_of: datetime) -> pa.Table:
        checked_time("as_of", as_of)
        with self._database.transaction():
            rows = [
                _row(label, self._database.products[label.product_id, label.product_digest])
                for label in self._database.labels.values()
                if label.labelled_at <= as_of
            ]
        return pa.Table.from_pylist(rows, schema=LABEL_SCHEMA)


def _row(label: Label, product: Product) -> dict[str, object]:
    return {
        "label_id": label.label_id,
        "product_id": label.product_id,
        "product_digest": label.product_digest,
        "category": label.category,
        "label_space_version": label.label_space_version,
        "source": label.source.value,
        "reviewer": label.reviewer,
        "labelled_at": label.labelled_at,
        "prediction_id": label.prediction_id,
        "inclusion_probability": label.inclusion_probability,
        "title": product.title,
        "description": product.description,
        "picture": product.picture,
        "listed_at": product.listed_at,
    }
