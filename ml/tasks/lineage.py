"""Where an answer came from: prediction, version, training run, label snapshot, labels, reviewers.

The bundle names its snapshot itself, so the way down to the labels needs no registry, and works for
versions that were rolled back or deleted in it.
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from ml.domain.comparisons import ShadowScore
from ml.domain.decisions import LedgerEntry
from ml.domain.errors import NotFound, ServiceUnavailable
from ml.domain.labels import SnapshotRef
from ml.domain.predictions import Prediction
from ml.domain.reigns import Reign, reigns_of
from ml.training.snapshot import read_snapshot
from ml.wiring.build import Services


@dataclass(frozen=True)
class TrainingRun:
    """The run that made the version, by the registry; `fault` says why it is not known."""

    run_id: str | None = None
    url: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class LabelRow:
    """One label of the snapshot; `settled`: the model learnt the product's category from it."""

    label_id: str
    product_id: str
    category: str
    source: str
    reviewer: str
    labelled_at: datetime
    inclusion_probability: float
    prediction_id: str | None
    settled: bool


@dataclass(frozen=True)
class Lineage:
    """All that one answer rests on.

    `shadow` is what both models of a comparison said of the product; `entries` and `reigns` are
    those of the version that answered. `labels` are by product id, then time.
    """

    prediction: Prediction
    shadow: ShadowScore | None
    bundle_digest: str
    entries: tuple[LedgerEntry, ...]
    reigns: tuple[Reign, ...]
    run: TrainingRun
    snapshot: SnapshotRef
    labels: tuple[LabelRow, ...]

    @property
    def reviewers(self) -> list[tuple[str, str, int]]:
        """Source, reviewer and number of labels, the most first."""
        counts = Counter((row.source, row.reviewer) for row in self.labels)
        return [(*who, labels) for who, labels in sorted(counts.items(), key=lambda one: -one[1])]


def lineage(services: Services, prediction_id: str) -> Lineage:
    """Follow an answer back to its labels; raises NotFound, whose message names the remedy."""
    prediction = _prediction(services, prediction_id)
    version = prediction.model_version
    history = services.ledger.history()
    entries = tuple(entry for entry in history if entry.change.model_version == version)
    if not entries:
        raise NotFound(
            f"version {version}, which made prediction {prediction_id!r}, is not in the rollout "
            "ledger; restore the backup of the database that has both"
        )
    bundle = entries[0].change.bundle_digest
    snapshot = _snapshot(services, bundle)
    return Lineage(
        prediction=prediction,
        shadow=services.shadows.get(prediction_id),
        bundle_digest=bundle,
        entries=entries,
        reigns=tuple(each for each in reigns_of(history) if each.model_version == version),
        run=_run(services, version),
        snapshot=snapshot,
        labels=_labels(services, snapshot),
    )


def _prediction(services: Services, prediction_id: str) -> Prediction:
    try:
        return services.predictions.get(prediction_id)
    except NotFound:
        raise NotFound(
            f"prediction {prediction_id!r} does not exist; take the id of an answer of the serving "
            "API (a fresh one is stored within seconds)"
        ) from None


def _snapshot(services: Services, bundle_digest: str) -> SnapshotRef:
    from ml.models.bundle import BUNDLE_FILE
    from ml.models.files import bundle_prefix, load_file

    try:
        stored = load_file(services.objects, bundle_prefix(bundle_digest), BUNDLE_FILE)
    except NotFound:
        raise NotFound(
            f"bundle {bundle_digest} is gone from the object store; restore what lies under "
            f"{bundle_prefix(bundle_digest)}"
        ) from None
    digest = json.loads(stored)["info"]["snapshot_digest"]
    try:
        return services.snapshots.get(digest)
    except NotFound:
        raise NotFound(
            f"label snapshot {digest} is not in the database; restore the backup that has it"
        ) from None


def _run(services: Services, version: int) -> TrainingRun:
    try:
        found = services.registry.get(version)
    except NotFound:
        return TrainingRun(fault=f"version {version} was deleted in MLflow, with its run's name")
    except ServiceUnavailable as error:
        return TrainingRun(fault=str(error))
    return TrainingRun(found.run_id, found.run_url)


def _labels(services: Services, snapshot: SnapshotRef) -> tuple[LabelRow, ...]:
    """Every label that the snapshot was made of, those that were outvoted included."""
    frozen = read_snapshot(snapshot, services.objects)
    settled = set(frozen["label_id"].to_pylist())
    wanted = pc.unique(frozen["label_ids"].combine_chunks().flatten())
    given = services.labels.read(snapshot.as_of)
    given = given.filter(pc.is_in(given["label_id"], value_set=wanted))
    if given.num_rows < len(wanted):
        raise NotFound(
            f"{len(wanted) - given.num_rows} labels of snapshot {snapshot.digest} are not in the "
            "database; labels are never deleted, so restore the backup that has them"
        )
    columns = [name for name in LabelRow.__dataclass_fields__ if name != "settled"]
    ordered = given.select(columns).sort_by(
        [("product_id", "ascending"), ("labelled_at", "ascending"), ("label_id", "ascending")]
    )
    return tuple(LabelRow(**row, settled=row["label_id"] in settled) for row in ordered.to_pylist())
