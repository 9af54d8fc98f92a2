"""The tasks that let a trained bundle serve, or say why not: evaluate, register, gate, promote."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from ml.domain.decisions import Champion, GateDecision, LedgerAction, LedgerChange
from ml.domain.digests import digest_of
from ml.domain.errors import RegainError
from ml.domain.ports import Candidate
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, find_files, load_files, save_files
from ml.tasks.dataset import Dataset, load_dataset, read_picture
from ml.tasks.retrain import image_report
from ml.training.charts import confusion_png
from ml.training.evaluate import Comparison, evaluate_bundle
from ml.training.evaluation import Evaluation
from ml.training.gate import GatePolicy, admit
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

CHAMPION = "champion"
ACTOR = "airflow"
METRICS, CLASSES, CONFUSION, DECISION = (
    "metrics.json",
    "per_class.json",
    "confusion_matrix.png",
    "gate.json",
)

_logger = logging.getLogger(__name__)


def evaluate(snapshot: str, *, bundle_digest: str, services: Services | None = None) -> str:
    """Score the bundle, and the champion beside it, on the same test rows; hold one to the other.

    Returns the key under which figures, reports and the gate's decision are stored.
    """
    services = services or Services(load_settings())
    champion = services.ledger.champion()
    rival = champion.bundle_digest if champion else None
    policy = gate_policy(services.settings)
    key = digest_of("evaluation", snapshot, bundle_digest, rival, asdict(policy))
    if find_files(services.objects, _evaluation(key)) is None:
        data = load_dataset(services, snapshot)
        ours, theirs = _evaluations(services, data, bundle_digest, rival)
        decision = admit(ours, theirs, policy)
        save_files(services.objects, _evaluation(key), _reports(ours, decision, rival))
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
    reports = load_files(services.objects, _evaluation(evaluation_key))
    data = load_dataset(services, snapshot)
    bundle = ModelBundle.from_files(files)
    candidate = Candidate(
        key=bundle.info.key,
        bundle_digest=bundle_digest,
        files=files,
        reports=reports,
        params=_params(bundle, data, services.settings),
        metrics=json.loads(reports[METRICS]) | image_report(services, image_key),
        tags={"regain.snapshot": snapshot, "regain.as_of": data.as_of.isoformat()},
        snapshot=services.snapshots.get(snapshot),
        label_space=bundle.label_space,
        as_of=data.as_of,
    )
    return services.registry.register(candidate).version


def gate(*, version: int, evaluation_key: str, services: Services | None = None) -> bool:
    """Show the gate's decision at the version; returns whether it may serve.

    Raises RegainError when another model serves than the one it was held against.
    """
    services = services or Services(load_settings())
    decision, rival = _decision(services, evaluation_key)
    champion = services.ledger.champion()
    bundle_digest = services.registry.get(version).bundle_digest
    if champion and champion.bundle_digest not in (rival, bundle_digest):
        raise RegainError(
            f"version {champion.model_version} became champion after version {version} was "
            "evaluated; clear the task evaluate to hold it against the one that serves now"
        )
    verdict = "admitted" if decision.admitted else "refused"
    _logger.info("version %d is %s: %s", version, verdict, decision.reason)
    services.registry.tag(version, {"regain.gate": f"{verdict}: {decision.reason}"})
    return decision.admitted


def promote(
    *,
    version: int,
    evaluation_key: str,
    as_of: str,
    run_id: str,
    services: Services | None = None,
) -> str:
    """Record the decision in the ledger, and let an admitted version serve; returns the action.

    The ledger is written first and once a run; the registry's alias follows it.
    """
    services = services or Services(load_settings())
    decision, _ = _decision(services, evaluation_key)
    found = services.registry.get(version)
    champion = services.ledger.champion()
    if champion and champion.bundle_digest == found.bundle_digest:
        _follow(services, champion)
        return f"version {champion.model_version} serves already"
    bundle = ModelBundle.from_files(
        load_files(services.objects, bundle_prefix(found.bundle_digest))
    )
    change = LedgerChange(
        key=f"{run_id}/{evaluation_key}",
        action=LedgerAction.PROMOTE if decision.admitted else LedgerAction.REFUSE,
        model_version=version,
        bundle_digest=found.bundle_digest,
        label_space_version=bundle.label_space.version,
        reason=decision.reason,
        actor=ACTOR,
        at=datetime.fromisoformat(as_of),
        evidence=decision.numbers,
    )
    entry = services.ledger.append(change)
    _follow(services, services.ledger.champion())
    return entry.change.action.value


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
    services: Services, data: Dataset, bundle_digest: str, rival: str | None
) -> tuple[Evaluation, Evaluation | None]:
    """Both on the same rows and in the newer label space; shared classes are those both know."""
    candidate = _bundle(services, bundle_digest)
    champion = _bundle(services, rival) if rival else None
    known = champion.label_space if champion else candidate.label_space
    comparison = Comparison(
        label_space=max(data.label_space, known, key=lambda space: space.version),
        shared_classes=candidate.label_space.shared(known),
        as_of=data.as_of,
        recent_days=services.settings.gate_recent_days,
        confidence_threshold=services.settings.confidence_threshold,
    )

    def score(bundle: ModelBundle) -> Evaluation:
        return evaluate_bundle(
            bundle,
            data.test,
            comparison,
            picture_of=partial(read_picture, services),
            clock=time.perf_counter,
        )

    return score(candidate), score(champion) if champion else None


def _bundle(services: Services, digest: str) -> ModelBundle:
    return ModelBundle.from_files(load_files(services.objects, bundle_prefix(digest)))


def _reports(
    evaluation: Evaluation, decision: GateDecision, rival: str | None
) -> Mapping[str, bytes]:
    verdict = {
        "admitted": decision.admitted,
        "reasons": decision.reasons,
        "numbers": decision.numbers,
        "champion_bundle": rival,
    }
    return {
        METRICS: _json(evaluation.metrics()),
        CLASSES: _json(evaluation.class_report()),
        CONFUSION: confusion_png(evaluation.confusion, evaluation.label_space.classes),
        DECISION: _json(verdict),
    }


def _decision(services: Services, evaluation_key: str) -> tuple[GateDecision, str | None]:
    """The stored decision, and the bundle of the champion it was made against."""
    stored = json.loads(load_files(services.objects, _evaluation(evaluation_key))[DECISION])
    decision = GateDecision(stored["admitted"], tuple(stored["reasons"]), stored["numbers"])
    return decision, stored["champion_bundle"]


def _follow(services: Services, champion: Champion | None) -> None:
    """The registry's alias shows who serves by the ledger, whatever this run decided."""
    if champion is not None:
        services.registry.set_alias(CHAMPION, champion.model_version)


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


def _evaluation(key: str) -> str:
    return f"evaluations/{key}"


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()
