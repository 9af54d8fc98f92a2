"""Drift checks and the outbox of their alerts in memory."""

from collections.abc import Sequence
from dataclasses import replace

from ml.adapters.postgres.checks import checked_row, checked_text, storable
from ml.domain.drift import Action, Alert, AlertRecord, DriftCheck, Finding
from ml.domain.errors import NotFound
from tests.fakes.database import InMemoryDatabase, LeasedAttempt


class InMemoryDriftLog:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def record(self, check: DriftCheck, alerts: Sequence[Alert] = ()) -> None:
        with self._database.transaction():
            checked_row(vars(check))
            for finding in check.findings:
                checked_row({"findings": vars(_storable(finding))})
            _raise_alerts(self._database, alerts)
            self._database.drift_checks.setdefault(check.check_id, check)

    def get(self, check_id: str) -> DriftCheck:
        with self._database.transaction():
            checked_text("check_id", check_id)
            try:
                return self._database.drift_checks[check_id]
            except KeyError:
                raise NotFound(f"drift check {check_id!r} does not exist") from None

    def recent(self, *, limit: int, model_version: int | None = None) -> list[DriftCheck]:
        with self._database.transaction():
            checks = [
                check
                for check in self._database.drift_checks.values()
                if model_version in (None, check.model_version)
            ]
        checks.sort(key=lambda check: (check.as_of, check.check_id), reverse=True)
        return checks[:limit]


class InMemoryAlertOutbox:
    """Leases end by `clock` of the database."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def put(self, alerts: Sequence[Alert]) -> None:
        with self._database.transaction():
            _raise_alerts(self._database, alerts)

    def claim(
        self, action: Action, *, claimant: str, lease_seconds: float, max_attempts: int
    ) -> Alert | None:
        checked_text("claimant", claimant)
        with self._database.transaction():
            until = self._database.clock() + lease_seconds
            if self._has_settled(claimant):
                return None
            records = [record for record in self.history() if record.alert.action is action]
            for record in records:
                if record.attempts and record.attempts[-1].succeeded is None:
                    attempt = self._database.attempts[record.alert.alert_id][-1]
                    if attempt.claimant == claimant:
                        attempt.leased_until = until
                        return record.alert
            for record in records:
                ends = [attempt.succeeded for attempt in record.attempts]
                if len(ends) < max_attempts and not any(end is not False for end in ends):
                    attempts = self._database.attempts.setdefault(record.alert.alert_id, [])
                    attempts.append(LeasedAttempt(claimant, until))
                    return record.alert
            return None

    def _has_settled(self, claimant: str) -> bool:
        return any(
            attempt.claimant == claimant and attempt.succeeded is not None
            for attempts in self._database.attempts.values()
            for attempt in attempts
        )

    def settle(
        self,
        alert_id: str,
        *,
        claimant: str,
        succeeded: bool,
        detail: str,
        raises: Sequence[Alert] = (),
    ) -> bool:
        checked_row({"alert_id": alert_id, "claimant": claimant, "detail": detail})
        with self._database.transaction():
            attempts = self._database.attempts.get(alert_id, [])
            if all(attempt.claimant != claimant for attempt in attempts):
                raise NotFound(f"{claimant!r} never claimed alert {alert_id!r}")
            newest = attempts[-1]
            if newest.claimant != claimant or newest.succeeded is not None:
                return False
            _raise_alerts(self._database, raises)
            newest.succeeded, newest.detail = succeeded, detail
            return True

    def history(self) -> list[AlertRecord]:
        with self._database.transaction():
            now, attempts = self._database.clock(), self._database.attempts
            alerts = sorted(
                self._database.alerts.values(), key=lambda each: (each.at, each.alert_id)
            )
            return [
                AlertRecord(
                    alert,
                    tuple(attempt.seen_at(now) for attempt in attempts.get(alert.alert_id, ())),
                )
                for alert in alerts
            ]


def _raise_alerts(database: InMemoryDatabase, alerts: Sequence[Alert]) -> None:
    """All or none; an alert that was raised before stays as it is."""
    for alert in alerts:
        checked_row(vars(_storable(alert)))
    for alert in alerts:
        database.alerts.setdefault(alert.alert_id, alert)


def _storable(stated: Alert | Finding) -> Alert | Finding:
    return replace(stated, numbers=storable(stated.numbers))
