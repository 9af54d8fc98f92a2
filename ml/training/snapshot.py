"""Freeze labels into a snapshot: one adjudicated row a product, named by its content.

Adjudication: reviews outrank imported labels. Among reviews each reviewer's latest label counts
once and the majority wins; a tie goes to the category with the latest label, then to the smallest
label id. Without a review the latest imported label wins, then the smallest label id. Every label
of the product stays in `label_ids`, whoever won.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.domain.digests import digest_of
from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSource, LabelSpace, SnapshotRef
from ml.domain.ports import ObjectStore, SnapshotIndex

# One row a product, sorted by product_id. The product columns are those of the revision that the
# winning label speaks of.
SNAPSHOT_SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("product_digest", pa.string()),
        ("category", pa.string()),
        ("label_id", pa.string()),
        ("label_ids", pa.list_(pa.string())),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
        ("source", pa.string()),
        ("inclusion_probability", pa.float64()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("picture", pa.string()),
        ("listed_at", pa.timestamp("us", tz="UTC")),
    ]
)


class _Vote(NamedTuple):
    """What adjudication needs of one label; `labelled_at` in microseconds."""

    row: int
    label_id: str
    category: str
    source: str
    reviewer: str
    labelled_at: int
    inclusion_probability: float


def freeze_snapshot(
    labels: pa.Table,
    *,
    as_of: datetime,
    label_space: LabelSpace,
    objects: ObjectStore,
    index: SnapshotIndex,
) -> SnapshotRef:
    """Adjudicate the labels (LABEL_SCHEMA, any order) given up to `as_of`, store and record them.

    The Parquet file is complete before the index knows of it, and both are named by the rows'
    digest: a crash leaves no half snapshot and repeating changes nothing. Raises InvalidInput when
    there is no label or one has a category outside the label space.
    """
    rows = adjudicate(labels.filter(pc.field("labelled_at") <= pa.scalar(as_of)))
    if rows.num_rows == 0:
        raise InvalidInput(
            f"no labels up to {as_of.isoformat()}; import a catalogue or post labels first"
        )
    _check_categories(rows, label_space)
    digest = _rows_digest(rows, label_space.version)
    uri = objects.put(f"snapshots/{digest}.parquet", _to_parquet(rows))
    snapshot = SnapshotRef(digest, uri, as_of, label_space.version, rows.num_rows)
    index.record(snapshot)
    return snapshot


def read_snapshot(snapshot: SnapshotRef, objects: ObjectStore) -> pa.Table:
    """The snapshot's rows (SNAPSHOT_SCHEMA); raises InvalidInput when they are not what was frozen.

    Raises NotFound when the file is gone.
    """
    data = objects.get(objects.key(snapshot.uri))
    try:
        rows = pq.read_table(pa.BufferReader(data)).select(SNAPSHOT_SCHEMA.names)
        found = _rows_digest(rows, snapshot.label_space_version)
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise InvalidInput(f"{snapshot.uri} is damaged ({error}); freeze it again") from None
    if found != snapshot.digest:
        raise InvalidInput(f"{snapshot.uri} was changed: its rows have digest {found}")
    return rows.cast(SNAPSHOT_SCHEMA)


def adjudicate(labels: pa.Table) -> pa.Table:
    """One row a product (SNAPSHOT_SCHEMA) by the rule above, sorted by product id.

    A product with an imported label was included with certainty; otherwise its inclusion
    probability is the largest recorded one (each is already the union over its selections).
    """
    ballots = sorted(_votes_by_product(labels).items())
    winners = [_winner(votes) for _, votes in ballots]
    columns = labels.take(pa.array([winner.row for winner in winners], type=pa.int64()))
    computed = {
        "label_ids": [sorted(vote.label_id for vote in votes) for _, votes in ballots],
        "inclusion_probability": [_inclusion_probability(votes) for _, votes in ballots],
    }
    arrays = [
        pa.array(computed[field.name], type=field.type)
        if field.name in computed
        else columns[field.name]
        for field in SNAPSHOT_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SNAPSHOT_SCHEMA)


def _votes_by_product(labels: pa.Table) -> dict[str, list[_Vote]]:
    """The distinct labels of each product; one that was delivered twice is one label."""
    votes: dict[str, dict[str, _Vote]] = {}
    columns = [labels[name].to_pylist() for name in ("label_id", "category", "source", "reviewer")]
    columns += [
        labels["labelled_at"].cast(pa.int64()).to_pylist(),
        labels["inclusion_probability"].to_pylist(),
    ]
    for row, (product_id, *values) in enumerate(
        zip(labels["product_id"].to_pylist(), *columns, strict=True)
    ):
        votes.setdefault(product_id, {}).setdefault(values[0], _Vote(row, *values))
    return {product_id: list(distinct.values()) for product_id, distinct in votes.items()}


def _winner(votes: Sequence[_Vote]) -> _Vote:
    latest_first = sorted(votes, key=lambda vote: (-vote.labelled_at, vote.label_id))
    counted: dict[str, _Vote] = {}
    for vote in latest_first:
        if vote.source == LabelSource.REVIEW:
            counted.setdefault(vote.reviewer, vote)
    if not counted:
        return latest_first[0]
    ballots = Counter(vote.category for vote in counted.values())
    most = max(ballots.values())
    return next(vote for vote in counted.values() if ballots[vote.category] == most)


def _inclusion_probability(votes: Sequence[_Vote]) -> float:
    if any(vote.source == LabelSource.IMPORT for vote in votes):
        return 1.0
    return max(vote.inclusion_probability for vote in votes)


def _check_categories(rows: pa.Table, label_space: LabelSpace) -> None:
    for product_id, category in zip(
        rows["product_id"].to_pylist(), rows["category"].to_pylist(), strict=True
    ):
        if category not in label_space:
            raise InvalidInput(
                f"product {product_id!r} is labelled {category!r}, which label space version "
                f"{label_space.version} does not know; freeze with the current version"
            )


def _rows_digest(rows: pa.Table, label_space_version: int) -> str:
    """Digest of the rows' values, whatever file they are written to."""
    columns = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in rows.itercolumns()
    ]
    return digest_of(label_space_version, [digest_of(*row) for row in zip(*columns, strict=True)])


def _to_parquet(rows: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd")
    data: bytes = buffer.getvalue().to_pybytes()
    return data
