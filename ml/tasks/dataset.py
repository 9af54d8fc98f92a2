"""A frozen snapshot as the training tasks read it: rows by their permanent part, and pictures."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.errors import RegainError
from ml.domain.labels import LabelSpace, Part
from ml.domain.products import picture_key
from ml.training.snapshot import read_snapshot
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
    product_ids = rows["product_id"].to_pylist()
    recorded = services.splits.parts_of_products(product_ids)
    if len(recorded) < len(product_ids):
        raise RegainError(
            f"snapshot {snapshot_digest[:12]} has products without a part; clear collect_labels"
        )
    parts = pa.array([recorded[product_id].value for product_id in product_ids])

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


def read_picture(services: Services, digest: str) -> bytes:
    """Encoded bytes of a picture by its digest; raises NotFound."""
    return services.objects.get(picture_key(digest))
