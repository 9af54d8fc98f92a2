"""Versions that need no training: registered and judged by the gate as a test says."""

from datetime import UTC, datetime, timedelta

from ml.domain.decisions import GateDecision
from ml.domain.labels import Label, LabelSource, SnapshotRef
from ml.domain.ports import Candidate
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.models.files import save_files
from ml.tasks.artifacts import DECISION, Verdict, evaluation_prefix
from ml.tasks.release import release
from tests.fakes import FakeServices

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SNAPSHOT = "5" * 64


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


def register_version(services: FakeServices, version: int) -> None:
    """A version in the registry: the next one, learnt from one and the same snapshot."""
    space = services.label_spaces.extend(["books", "shoes"], cause="test", at=NOON)
    snapshot = SnapshotRef(SNAPSHOT, "memory://snapshot", NOON, space.version, rows=100)
    services.snapshots.record(snapshot)
    candidate = Candidate(
        key=f"bundle-{version}",
        bundle_digest=f"bundle-{version}",
        files={},
        reports={},
        params={},
        metrics={},
        tags={"regain.snapshot": SNAPSHOT},
        snapshot=snapshot,
        label_space=space,
        as_of=NOON,
    )
    assert services.registry.register(candidate).version == version


def evaluate_version(
    services: FakeServices, version: int, *, against: int | None, admitted: bool = True
) -> str:
    """The gate's verdict on a version, held against the champion of then; returns its key."""
    numbers = {"candidate_weighted_f1": 0.9, "candidate_rows": 100.0}
    decision = GateDecision(admitted, () if admitted else ("it is worse",), numbers)
    rival = f"bundle-{against}" if against else None
    key = f"evaluation-{version}-{against}-{admitted}"
    files = {DECISION: Verdict(decision, f"bundle-{version}", rival).to_json()}
    save_files(services.objects, evaluation_prefix(key), files)
    return key


def release_version(
    services: FakeServices,
    version: int,
    *,
    against: int | None,
    admitted: bool = True,
    run: str | None = None,
) -> str:
    """What the last tasks of a retraining do with a version."""
    register_version(services, version)
    key = evaluate_version(services, version, against=against, admitted=admitted)
    return release(
        version=version,
        evaluation_key=key,
        as_of=at(version).isoformat(),
        run=run or f"run-{version}",
        services=services,
    )


def begin_trial(services: FakeServices) -> str:
    """Version 1 serves and version 2 is on trial; returns the trial's name."""
    assert release_version(services, 1, against=None) == "promote"
    assert release_version(services, 2, against=1) == "challenge"
    challenger = services.ledger.rollout().challenger
    assert challenger is not None
    return challenger.experiment


def answer(
    services: FakeServices,
    arm: Arm,
    *,
    right: int,
    wrong: int,
    experiment: str | None = None,
    hours: float = 10,
) -> None:
    """Labelled answers of one arm of the trial that is on, each of another product."""
    challenger = services.ledger.rollout().challenger
    trial = experiment or (challenger.experiment if challenger else None)
    predictions, labels = [], []
    for number in range(right + wrong):
        name = f"{trial}-{arm}-{hours}-{number}"
        product = Product(name, "a title", "", None, NOON)
        predictions.append(
            Prediction(
                prediction_id=name,
                product=product,
                model_version=2 if arm is Arm.CHALLENGER else 1,
                arm=arm,
                label_space_version=1,
                probabilities=(0.9, 0.1),
                category="books",
                confidence=0.9,
                predicted_at=at(hours),
                selections=(ReviewSelection(name, SelectionReason.AUDIT, 1.0, 1.0),),
                experiment=trial,
            )
        )
        labels.append(
            Label(
                product_id=name,
                product_digest=product.digest,
                category="books" if number < right else "shoes",
                label_space_version=1,
                source=LabelSource.REVIEW,
                reviewer="anna",
                labelled_at=at(hours),
                inclusion_probability=1.0,
                prediction_id=name,
            )
        )
    services.predictions.append(predictions)
    services.labels.append(labels)


def actions(services: FakeServices) -> list[str]:
    """What the ledger says was done, oldest first."""
    return [entry.change.action.value for entry in services.ledger.history()]
