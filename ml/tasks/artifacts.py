"""What tasks leave in the object store for the tasks after them, and under which names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.domain.decisions import GateDecision
from ml.domain.ports import ObjectStore
from ml.models.files import load_file

# Part of the key of every trained component: raise it when training changes, or a library whose
# release changes what is trained, and nothing trained before is taken for it.
RECIPE_VERSION = 1

IMAGE_REPORT = "report.json"
METRICS = "metrics.json"
PER_CLASS = "per_class.json"
CONFUSION = "confusion_matrix.png"
DECISION = "gate.json"


def component_prefix(key: str) -> str:
    """Where a trained component lies."""
    return f"components/{key}"


def evaluation_prefix(key: str) -> str:
    """Where a bundle's figures, reports and the gate's decision lie."""
    return f"evaluations/{key}"


@dataclass(frozen=True)
class Verdict:
    """The gate's decision, and the bundle of the champion it was made against (None: no champion).

    `bundle_digest` names the candidate.
    """

    decision: GateDecision
    bundle_digest: str
    champion_bundle: str | None

    def to_json(self) -> bytes:
        return to_json(
            {
                "admitted": self.decision.admitted,
                "reasons": self.decision.reasons,
                "numbers": self.decision.numbers,
                "bundle": self.bundle_digest,
                "champion_bundle": self.champion_bundle,
            }
        )


def read_verdict(objects: ObjectStore, evaluation_key: str) -> Verdict:
    """The verdict that the task `evaluate` stored; raises NotFound."""
    stored = json.loads(load_file(objects, evaluation_prefix(evaluation_key), DECISION))
    decision = GateDecision(stored["admitted"], tuple(stored["reasons"]), stored["numbers"])
    return Verdict(decision, stored["bundle"], stored["champion_bundle"])


def read_image_report(objects: ObjectStore, key: str) -> Mapping[str, float]:
    """What each image model did on validation rows, by the key of the stored component."""
    report: dict[str, float] = json.loads(load_file(objects, component_prefix(key), IMAGE_REPORT))
    return {f"validation_image_{name}": value for name, value in report.items()}


def to_json(value: Any) -> bytes:
    """JSON for people and machines, the same value the same bytes."""
    return json.dumps(value, indent=2, sort_keys=True).encode()
