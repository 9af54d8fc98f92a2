"""The tasks `evaluate` and `register`: what a bundle is worth, and the version that shows it."""

import json
import time
from collections.abc import Mapping
from functools import partial

from ml.domain.digests import digest_files
from ml.domain.ports import Candidate
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, load_files, save_files
from ml.tasks.artifacts import (
    CONFUSION,
    DECISION,
    METRICS,
    PER_CLASS,
    Verdict,
    evaluation_prefix,
    read_image_report,
    to_json,
)
from ml.tasks.dataset import Dataset, load_dataset, read_picture
from ml.tasks.times import time_of
from ml.training.charts import confusion_png
from ml.training.evaluate import Comparison, evaluate_bundles
from ml.training.evaluation import Evaluation
from ml.training.gate import GatePolicy, admit
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings


def evaluate(
    snapshot: str, *, bundle_digest: str, as_of: str, services: Services | None = None
) -> str:
    """Score the bundle, and the champion beside it, on the same test rows; hold one to the other.

    Recent rows are those before `as_of` (ISO 8601). Returns the key under which figures, reports
    and the gate's decision are stored. It is measured anew each time: what is slow on a busy
    machine may be quick on an idle one.
    """
    services = services or Services(load_settings())
    champion = services.ledger.champion()
    rival = champion.bundle_digest if champion else None
    data = load_dataset(services, snapshot)
    ours, theirs = _evaluations(services, data, bundle_digest, rival, as_of)
    verdict = Verdict(admit(ours, theirs, gate_policy(services.settings)), bundle_digest, rival)
    files = _reports(ours, verdict)
    key = digest_files(files)
    save_files(services.objects, evaluation_prefix(key), files)
    return key


def register(
    snapshot: str,
    *,
    bundle_digest: str,
    evaluation_key: str,
    image_key: str,
    services: Services | None = None,
) -> int:
    """Log the run and create the version in the registry, once a bundle; returns the version."""
    services = services or Services(load_settings())
    files = load_files(services.objects, bundle_prefix(bundle_digest))
    reports = load_files(services.objects, evaluation_prefix(evaluation_key))
    data = load_dataset(services, snapshot)
    bundle = ModelBundle.from_files(files)
    candidate = Candidate(
        key=bundle_digest,
        bundle_digest=bundle_digest,
        files=files,
        reports=reports,
        params=_params(bundle, data, services.settings),
        metrics=json.loads(reports[METRICS]) | read_image_report(services.objects, image_key),
        tags={"regain.snapshot": snapshot, "regain.as_of": data.as_of.isoformat()},
        snapshot=services.snapshots.get(snapshot),
        label_space=bundle.label_space,
        as_of=data.as_of,
    )
    return services.registry.register(candidate).version


def gate_policy(settings: Settings) -> GatePolicy:
    """The gate's bounds, as the settings name them."""
    return GatePolicy(
        max_f1_drop=settings.gate_max_f1_drop,
        max_class_f1_drop=settings.gate_max_class_f1_drop,
        min_class_rows=settings.gate_min_class_rows,
        min_recent_rows=settings.gate_min_recent_rows,
        max_calibration_error=settings.gate_max_calibration_error,
        max_latency_ms=settings.gate_max_latency_ms,
    )


def _evaluations(
    services: Services, data: Dataset, bundle_digest: str, rival: str | None, as_of: str
) -> tuple[Evaluation, Evaluation | None]:
    """Both on the same rows and in the newer label space; shared classes are those both know."""
    candidate = _bundle(services, bundle_digest)
    bundles = [candidate, _bundle(services, rival)] if rival else [candidate]
    known = bundles[-1].label_space
    evaluations = evaluate_bundles(
        bundles,
        data.test,
        Comparison(
            label_space=max(data.label_space, known, key=lambda space: space.version),
            shared_classes=candidate.label_space.shared(known),
            as_of=time_of(as_of),
            recent_days=services.settings.gate_recent_days,
            confidence_threshold=services.settings.confidence_threshold,
        ),
        picture_of=partial(read_picture, services),
        clock=time.perf_counter,
    )
    return evaluations[0], evaluations[1] if rival else None


def _bundle(services: Services, digest: str) -> ModelBundle:
    files = load_files(services.objects, bundle_prefix(digest))
    return ModelBundle.from_files(files, device=services.settings.device)


def _reports(evaluation: Evaluation, verdict: Verdict) -> Mapping[str, bytes]:
    return {
        METRICS: to_json(evaluation.metrics()),
        PER_CLASS: to_json(evaluation.class_report()),
        CONFUSION: confusion_png(evaluation.confusion, evaluation.label_space.classes),
        DECISION: verdict.to_json(),
    }


def _params(bundle: ModelBundle, data: Dataset, settings: Settings) -> dict[str, str]:
    return {
        "seed": str(bundle.info.seed),
        "snapshot": data.digest,
        "label_space_version": str(bundle.label_space.version),
        "classes": str(len(bundle.label_space)),
        "train_rows": str(data.train.num_rows),
        "validation_rows": str(data.validation.num_rows),
        "test_rows": str(data.test.num_rows),
        "image_weight": f"{bundle.fusion.image_weight:.2f}",
        "temperature": f"{bundle.temperature:.4f}",
        "backbone": settings.backbone if settings.backbone_weights else "trained from scratch",
    }
