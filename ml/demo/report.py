"""What the demo found, as machines read it: `report.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ml.demo.accuracy import Accuracy
from ml.demo.comparisons import ComparisonReport
from ml.demo.label_truth import LabelsReport
from ml.demo.needed import NeededReport


@dataclass(frozen=True)
class AlertReport:
    """An alert of a drift check; `attempts` retrainings were made for it."""

    at: datetime
    action: str
    version: int
    reason: str
    attempts: int
    settled: bool


@dataclass(frozen=True)
class DecisionReport:
    """An entry of the rollout ledger: `at` in simulated time, `recorded_at` by the wall clock."""

    decision: str
    reason: str
    numbers: Mapping[str, float | str]
    at: datetime
    version: int
    actor: str
    recorded_at: datetime


@dataclass(frozen=True)
class ArmReport:
    """What one side of a trial answered in a stretch; `accuracy` is over all of its products."""

    version: int
    products: int
    accuracy: float


@dataclass(frozen=True)
class StretchReport:
    """A span of the marketplace: how often the served answers were right, by all and by arm.

    `check` is what a drift check said at its end and `drift_report` the address of its page, in
    the installation's object store (None: none was made).
    """

    number: int
    start: datetime
    end: datetime
    products: int
    accuracy: float
    arms: Mapping[str, ArmReport]
    check: str | None
    drift_report: str | None


@dataclass(frozen=True)
class SabotageReport:
    """How the model that learnt nothing was found out.

    It answered `answers` products in all. The judge's `verdict` on it fell after `labels` on which
    it and the champion differed: it alone was right in `wins`, the champion alone in `losses` of
    them. `answers_after_rollback` came in after the ledger entry, and after
    `seconds_until_unserved` the first product of its slice was answered by another version, and
    every one from then on. None while it was not stopped.
    """

    version: int
    share: float
    rolled_back: bool
    answers: int
    verdict: str | None
    labels: int | None
    wins: int | None
    losses: int | None
    seconds_until_unserved: float | None
    answers_after_rollback: int | None


@dataclass(frozen=True)
class VersionReport:
    """One registered version. `test` are its figures when it was trained (none of the saboteur)."""

    version: int
    origin: str
    serves: bool
    as_of: str
    snapshot: str
    test: Mapping[str, float]
    model_url: str


@dataclass(frozen=True)
class Tally:
    """Predictions and labels that should not be so: lost, or doubled."""

    predictions: int
    labels: int


@dataclass(frozen=True)
class ShadowWork:
    """Products that a second model was to score: `stored` ones, and those that came to nothing.

    `dropped`: there was no room, or no use any more; `failed`: an error. Both since the serving
    workers began, as they count.
    """

    stored: int
    dropped: int
    failed: int


@dataclass(frozen=True)
class Counts:
    """What passed through the loop. `reviewers_right` is the share of their labels that is true.

    `sweeps` are retrainings that the driver had to start because no event had.
    """

    predictions: int
    imported_labels: int
    review_labels: int
    unanswered_reviews: int
    reviewers_right: float | None
    sweeps: int


@dataclass(frozen=True)
class DemoReport:
    """The whole demo. `closed` is what the exit status says; `faults` why not.

    `changed_at` is when the made marketplace changed, None for a real catalogue. `peak_rss_mb` is
    explained at `PeakMemory`, `accuracy` at `Accuracy`. `labels_say` is of version 1 before the
    change (None: nobody labelled anything).
    """

    closed: bool
    faults: Sequence[str]
    alerts: Sequence[AlertReport]
    decisions: Sequence[DecisionReport]
    accuracy: Accuracy
    labels_say: LabelsReport | None
    comparisons: Sequence[ComparisonReport]
    needed: Sequence[NeededReport]
    shadow: ShadowWork
    changed_at: datetime | None
    lost: Tally
    doubled: Tally
    sabotage: SabotageReport | None
    stretches: Sequence[StretchReport]
    versions: Sequence[VersionReport]
    counts: Counts
    settings: Mapping[str, float | int | bool]
    seconds: float
    peak_rss_mb: float
    stage_seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """Store the report as JSON, whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=2, default=_to_json) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Store a text, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
