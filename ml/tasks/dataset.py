"""A frozen snapshot as the training tasks read it: rows by their permanent part, and pictures."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.labels import LabelSpace, Part
from ml.domain.products import picture_key
from ml.training.snapshot import read_snapshot
from ml.training.split import assign_parts
from ml.wiring.build import Services


@dataclass(frozen=True, eq=False)
class Dataset:
    """The rows (snapshot columns) of each part; `as_of` is the time the labels were frozen at."""

    digest: str
    as_of: datetime
    label_space: LabelSpace
    train: pa.Table
    validation: pa.Table
    test: pa.Table


def load_dataset(services: Services, snapshot_digest: str) -> Dataset:
    """The snapshot with its permanent split; raises NotFound for an unknown digest."""
    snapshot = services.snapshots.get(snapshot_digest)
    rows = read_snapshot(snapshot, services.objects)
    found = split(services, rows)
    parts = pa.array([found[product_id].value for product_id in rows["product_id"].to_pylist()])

    def of(part: Part) -> pa.Table:
        return rows.filter(pc.equal(parts, part.value))

    return Dataset(
        digest=snapshot.digest,
        as_of=snapshot.as_of,
        label_space=services.label_spaces.get(snapshot.label_space_version),
        train=of(Part.TRAIN),
        validation=of(Part.VALIDATION),
        test=of(Part.TEST),
    )


def split(services: Services, rows: pa.Table) -> dict[str, Part]:
    """The permanent part of each product of a snapshot; those seen first are recorded for ever."""
    settings = services.settings
    return assign_parts(
        rows,
        ledger=services.splits,
        seed=settings.split_seed,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        min_class_rows=settings.min_class_rows,
    )


def read_picture(services: Services, digest: str) -> bytes:
    """Encoded bytes of a picture by its digest; raises NotFound."""
    return services.objects.get(picture_key(digest))
