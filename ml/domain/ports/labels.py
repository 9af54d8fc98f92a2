"""Labels, the versions of their space, and what training freezes of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from ml.domain.labels import Label, LabelSpace, Part, SnapshotRef
from ml.domain.products import Product


class LabelSpaces(Protocol):
    """The versions of the label space."""

    def current(self) -> LabelSpace:
        """The newest version; EMPTY_LABEL_SPACE when there is none yet."""
        ...

    def get(self, version: int) -> LabelSpace:
        """One version; raises NotFound."""
        ...

    def extend(self, categories: Iterable[str], *, cause: str, at: datetime) -> LabelSpace:
        """Add what is new as the next version and return the newest; safe under concurrency."""
        ...


# Columns of LabelStore.read and of the snapshot's input, one row a label, joined with its product:
LABEL_SCHEMA = pa.schema(
    [
        ("label_id", pa.string()),
        ("product_id", pa.string()),
        ("product_digest", pa.string()),
        ("category", pa.string()),
        ("label_space_version", pa.int32()),
        ("source", pa.string()),
        ("reviewer", pa.string()),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
        ("prediction_id", pa.string()),
        ("inclusion_probability", pa.float64()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("picture", pa.string()),
        ("listed_at", pa.timestamp("us", tz="UTC")),
    ]
)


class LabelStore(Protocol):
    """Append-only labels and the product revisions they speak of."""

    def append(self, labels: Sequence[Label], products: Sequence[Product] = ()) -> int:
        """Store labels (and the revisions they refer to) in one transaction.

        Returns how many labels were new. A label of an unknown product revision raises NotFound.
        """
        ...

    def read(self, as_of: datetime) -> pa.Table:
        """All labels given up to `as_of` (inclusive), LABEL_SCHEMA, in no particular order."""
        ...


class SnapshotIndex(Protocol):
    """The frozen snapshots, recorded after their files are complete."""

    def record(self, snapshot: SnapshotRef) -> None: ...

    def get(self, digest: str) -> SnapshotRef:
        """One snapshot; raises NotFound."""
        ...


@dataclass(frozen=True)
class SplitRecord:
    """The permanent part of one product; `keys` are the digests of its title and picture group."""

    product_id: str
    part: Part
    keys: tuple[str, ...]


class SplitLedger(Protocol):
    """The permanent split: what was recorded first stays."""

    def parts_of_products(self, product_ids: Sequence[str]) -> dict[str, Part]:
        """Parts of the products already assigned."""
        ...

    def parts_of_keys(self, keys: Sequence[str]) -> dict[str, Part]:
        """Parts of the group keys already assigned."""
        ...

    def record(self, records: Sequence[SplitRecord], keys: Mapping[str, Part]) -> None:
        """Record new products and group keys in one transaction; what exists stays as it is."""
        ...
