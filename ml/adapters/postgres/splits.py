"""The permanent split: the part of every product and group key, as it was first recorded."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Engine, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from ml.adapters.postgres.checks import checked_text
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.rows import insert_new
from ml.adapters.postgres.tables import split_keys, split_products
from ml.domain.labels import Part
from ml.domain.ports import SplitRecord


class PostgresSplitLedger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def parts_of_products(self, product_ids: Sequence[str]) -> dict[str, Part]:
        """Parts of the products already assigned."""
        return self._parts(split_products.c.product_id, split_products.c.part, product_ids)

    def parts_of_keys(self, keys: Sequence[str]) -> dict[str, Part]:
        """Parts of the group keys already assigned."""
        return self._parts(split_keys.c.key, split_keys.c.part, keys)

    def _parts(
        self, name: Column[str], part: Column[str], wanted: Sequence[str]
    ) -> dict[str, Part]:
        names = [checked_text(name.name, each) for each in wanted]
        among = bindparam("wanted", names, ARRAY(Text))
        with transaction(self._engine) as connection:
            rows = connection.execute(select(name, part).where(name == func.any(among)))
            return {known: Part(value) for known, value in rows}

    def record(self, records: Sequence[SplitRecord], keys: Mapping[str, Part]) -> None:
        """Record new products and group keys in one transaction; existing ones stay as they are."""
        with transaction(self._engine) as connection:
            insert_new(connection, split_products, map(_product_row, records))
            insert_new(
                connection,
                split_keys,
                [{"key": key, "part": part.value} for key, part in keys.items()],
            )


def _product_row(record: SplitRecord) -> dict[str, object]:
    return {
        "product_id": record.product_id,
        "part": record.part.value,
        "keys": list(record.keys),
    }
