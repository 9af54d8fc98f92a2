"""The contracts of SnapshotIndex and SplitLedger."""

from dataclasses import replace

import pytest

from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import Part, SnapshotRef
from ml.domain.ports import SplitRecord
from tests.examples import day

SNAPSHOT = SnapshotRef("digest", "file:///objects/snapshots/digest.parquet", day(3), 1, 12)


def test_a_snapshot_is_recorded_once(stores):
    stores.snapshots.record(SNAPSHOT)
    stores.snapshots.record(replace(SNAPSHOT, as_of=day(4)))
    assert stores.snapshots.get("digest") == SNAPSHOT


def test_an_unknown_snapshot_is_not_found(stores):
    with pytest.raises(NotFound, match="'other'"):
        stores.snapshots.get("other")


def test_the_first_recorded_part_stays(stores):
    splits = stores.splits
    splits.record([SplitRecord("p1", Part.TRAIN, ("k1",))], {"k1": Part.TRAIN})
    splits.record(
        [SplitRecord("p1", Part.TEST, ("k1",)), SplitRecord("p2", Part.EXCLUDED, ("k1", "k2"))],
        {"k1": Part.TEST, "k2": Part.TEST},
    )
    assert splits.parts_of_products(["p1", "p2", "p3"]) == {
        "p1": Part.TRAIN,
        "p2": Part.EXCLUDED,
    }
    assert splits.parts_of_keys(["k2", "k1", "k3"]) == {"k1": Part.TRAIN, "k2": Part.TEST}


def test_nothing_asked_is_nothing_found(stores):
    stores.splits.record([], {})
    assert stores.splits.parts_of_products([]) == stores.splits.parts_of_keys([]) == {}


def test_a_bad_record_stores_none(stores):
    records = [SplitRecord("p1", Part.TRAIN, ("k",)), SplitRecord("p\0", Part.TRAIN, ("k",))]
    with pytest.raises(InvalidInput, match="product_id"):
        stores.splits.record(records, {"k": Part.TRAIN})
    assert stores.splits.parts_of_products(["p1"]) == stores.splits.parts_of_keys(["k"]) == {}
