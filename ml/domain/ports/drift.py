"""Drift checks, their reports, and the alerts that wait for somebody to act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from ml.domain.drift import Action, Alert, AlertRecord, DriftCheck


@dataclass(frozen=True)
class DriftFigures:
    """What a drift report measured: a KS p-value a signal, the KL divergence of the predicted
    classes (nats), and the report itself as a page."""

    p_values: Mapping[str, float]
    divergence: float
    html: bytes


class DriftReports(Protocol):
    """Compares two windows of the prediction log."""

    def compare(
        self, reference: pa.Table, current: pa.Table, *, signals: Sequence[str]
    ) -> DriftFigures:
        """KS of the signals' columns and KL of `category`, current against reference."""
        ...


class DriftLog(Protocol):
    """The drift checks that were made."""

    def record(self, check: DriftCheck, alerts: Sequence[Alert] = ()) -> None:
        """Store a check and put its alerts into the outbox, in one transaction; once each."""
        ...

    def get(self, check_id: str) -> DriftCheck:
        """One check; raises NotFound."""
        ...

    def recent(self, *, limit: int, model_version: int | None = None) -> list[DriftCheck]:
        """The newest checks (of a version) by `as_of`, newest first."""
        ...


class AlertOutbox(Protocol):
    """Alerts until somebody has acted on them. A delivery is a hint, this is the truth."""

    def put(self, alerts: Sequence[Alert]) -> None:
        """Raise alerts, all or none; one that was raised before stays as it is."""
        ...

    def claim(
        self, action: Action, *, claimant: str, lease_seconds: float, max_attempts: int
    ) -> Alert | None:
        """Lease the oldest alert of this action that nobody works on; None when there is none.

        Alerts that succeeded, or failed `max_attempts` times, are done. A lease ends with the
        claimant's settlement or, by the database's clock, after `lease_seconds`; one that ran out
        counts as a failed attempt. A claimant that asks again gets the alert it holds, its lease
        renewed; one that has settled gets None.
        """
        ...

    def settle(
        self,
        alert_id: str,
        *,
        claimant: str,
        succeeded: bool,
        detail: str,
        raises: Sequence[Alert] = (),
    ) -> bool:
        """End a claimant's attempt, and raise further alerts, in one transaction.

        Returns False, and changes nothing, when the claimant has settled before, or when it no
        longer holds the lease and another attempt has begun or succeeded. Raises NotFound for an
        alert that this claimant never claimed.
        """
        ...

    def history(self) -> list[AlertRecord]:
        """All alerts with their attempts, oldest first."""
        ...
