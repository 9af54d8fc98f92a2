"""The snapshot index and the permanent split in memory."""

from collections.abc import Mapping, Sequence

from ml.adapters.postgres.checks import checked_row
from ml.domain.errors import NotFound
from ml.domain.labels import Part, SnapshotRef
from ml.domain.ports import SplitRecord
from tests.fakes.database import InMemoryDatabase


class InMemorySnapshotIndex:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def record(self, snapshot: SnapshotRef) -> None:
        with self._database.transaction():
            self._database.snapshots.setdefault(snapshot.digest, snapshot)

    def get(self, digest: str) -> SnapshotRef:
        with self._database.transaction():
            try:
                return self._database.snapshots[digest]
            except KeyError:
                raise NotFound(f"snapshot {digest!r} does not exist") from None


class InMemorySplitLedger:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def parts_of_products(self, product_ids: Sequence[str]) -> dict[str, Part]:
        with self._database.transaction():
            known = self._database.split_products
            return {each: known[each] for each in product_ids if each in known}

    def parts_of_keys(self, keys: Sequence[str]) -> dict[str, Part]:
        with self._database.transaction():
            known = self._database.split_keys
            return {each: known[each] for each in keys if each in known}

    def record(self, records: Sequence[SplitRecord], keys: Mapping[str, Part]) -> None:
        with self._database.transaction():
            for record in records:
                checked_row(vars(record))
            for record in records:
                self._database.split_products.setdefault(record.product_id, record.part)
            for key, part in keys.items():
                self._database.split_keys.setdefault(key, part)
