"""The task `collect_labels`: labels up to a time become a frozen snapshot with a known split."""

import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.labels import EMPTY_LABEL_SPACE, LabelSpace
from ml.tasks.dataset import split
from ml.tasks.times import time_of
from ml.training.snapshot import freeze_snapshot, read_snapshot
from ml.wiring.build import Services
from ml.wiring.config import load_settings


def collect_labels(*, as_of: str, services: Services | None = None) -> str:
    """Freeze the labels given up to `as_of` (ISO 8601 with zone) and return the snapshot's digest.

    Every product of the snapshot has its permanent part when this returns. The same labels give
    the same digest, so a repeated call changes nothing; one after labels of that time arrived late
    freezes them, too. Raises InvalidInput when nothing is labelled yet.
    """
    services = services or Services(load_settings())
    time = time_of(as_of)
    labels = services.labels.read(time)
    snapshot = freeze_snapshot(
        labels,
        as_of=time,
        label_space=_label_space(services, labels),
        objects=services.objects,
        index=services.snapshots,
    )
    split(services, read_snapshot(snapshot, services.objects))
    return snapshot.digest


def _label_space(services: Services, labels: pa.Table) -> LabelSpace:
    """The newest label space that a label speaks of: what was named later is not known yet."""
    version = pc.max(labels["label_space_version"]).as_py()
    return services.label_spaces.get(version) if version else EMPTY_LABEL_SPACE
