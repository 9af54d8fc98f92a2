"""The task `collect_labels`: labels up to a time become a frozen snapshot with a known split."""

from datetime import datetime

from ml.tasks.dataset import split
from ml.training.snapshot import freeze_snapshot, read_snapshot
from ml.wiring.build import Services
from ml.wiring.config import load_settings


def collect_labels(*, as_of: str, services: Services | None = None) -> str:
    """Freeze the labels given up to `as_of` (ISO 8601 with zone) and return the snapshot's digest.

    Every product of the snapshot has its permanent part when this returns. The same labels give
    the same digest, so a repeated call changes nothing. Raises InvalidInput when nothing is
    labelled yet.
    """
    services = services or Services(load_settings())
    time = datetime.fromisoformat(as_of)
    snapshot = freeze_snapshot(
        services.labels.read(time),
        as_of=time,
        label_space=services.label_spaces.current(),
        objects=services.objects,
        index=services.snapshots,
    )
    split(services, read_snapshot(snapshot, services.objects))
    return snapshot.digest
