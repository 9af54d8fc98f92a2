"""Drift: what a check found, and the alerts that ask somebody to act."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Monitor(StrEnum):
    """What is watched: inputs, accuracy on human labels, predicted classes, confidence."""

    DATA = "data"
    CONCEPT = "concept"
    PREDICTION = "prediction"
    CONFIDENCE = "confidence"


class Action(StrEnum):
    """What an alert asks for.

    RETRAIN is done by the DAG retrain_on_drift; the others ask people: INVESTIGATE whether a
    category emerges, REVIEW the products in the grey zone, REPAIR a retraining that keeps failing,
    or a gate or judge that failed its fire drill.
    """

    RETRAIN = "retrain"
    INVESTIGATE = "investigate"
    REVIEW = "review"
    REPAIR = "repair"


@dataclass(frozen=True)
class Window:
    """The products answered between two times, both inclusive."""

    start: datetime
    end: datetime
    products: int


@dataclass(frozen=True)
class Finding:
    """What one monitor saw: whether it is drift, why, and the numbers it was decided on."""

    monitor: Monitor
    drifted: bool
    reason: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class DriftCheck:
    """One comparison of the champion's reference window with a current one.

    `check_id` is derived from the champion's ledger entry and `as_of`: the same check is stored
    once. `report_uri` names the HTML report in the object store.
    """

    check_id: str
    model_version: int
    as_of: datetime
    reference: Window
    current: Window
    findings: tuple[Finding, ...]
    report_uri: str


@dataclass(frozen=True)
class Alert:
    """A request to act, in the outbox until it is settled. `at` may be simulated.

    `alert_id` is derived from its cause, so raising it twice is raising it once. `window_start` is
    the earliest product that it speaks of.
    """

    alert_id: str
    action: Action
    model_version: int
    at: datetime
    window_start: datetime
    reason: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Attempt:
    """One claimant's try at an alert; `succeeded` is None while it goes on."""

    claimant: str
    succeeded: bool | None
    detail: str


@dataclass(frozen=True)
class AlertRecord:
    """An alert with what was tried so far, oldest first."""

    alert: Alert
    attempts: tuple[Attempt, ...]

    @property
    def settled(self) -> bool:
        """Whether an attempt succeeded."""
        return any(attempt.succeeded for attempt in self.attempts)

    @property
    def failures(self) -> int:
        return sum(attempt.succeeded is False for attempt in self.attempts)
