"""The tasks around a retraining that an alert asked for: claim the alert, settle it.

The outbox in PostgreSQL is the truth: an event that was lost, doubled or merged changes nothing. A
claimant is one DAG run; it holds its alert until it settles or its lease ends. They import no model
code.
"""

import logging

from ml.domain.digests import digest_of
from ml.domain.drift import Action, Alert, AlertRecord
from ml.domain.errors import NotFound
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

_logger = logging.getLogger(__name__)


def claim(*, run: str, services: Services | None = None) -> str | None:
    """Lease the oldest alert that asks for a retraining; returns its time (ISO 8601).

    None when there is nothing to do. The same run gets the same alert again, until it is settled.
    """
    services = services or Services(load_settings())
    _call_for_repairs(services)
    settings = services.settings
    alert = services.alerts.claim(
        Action.RETRAIN,
        claimant=run,
        lease_seconds=settings.alert_lease_seconds,
        max_attempts=settings.alert_max_attempts,
    )
    if alert is None:
        _logger.info("no alert waits for a retraining")
        return None
    _logger.info("alert %s of %s: %s", alert.alert_id, alert.at.isoformat(), alert.reason)
    return alert.at.isoformat()


def settle_success(*, run: str, outcome: str, services: Services | None = None) -> bool:
    """End the run's attempt: what was retrained did `outcome`, be it refused by the gate.

    Returns False, and changes nothing, when the attempt ended before.
    """
    services = services or Services(load_settings())
    record = _claimed(services, run)
    return services.alerts.settle(
        record.alert.alert_id, claimant=run, succeeded=True, detail=f"retrained: {outcome}"
    )


def settle_failure(*, run: str, services: Services | None = None) -> bool:
    """End the run's attempt: a later run tries again, or people are called when it was the last.

    Returns False, and changes nothing, when the attempt ended before.
    """
    services = services or Services(load_settings())
    record = _claimed(services, run)
    others = [attempt for attempt in record.attempts if attempt.claimant != run]
    failures = 1 + sum(attempt.succeeded is False for attempt in others)
    exhausted = failures >= services.settings.alert_max_attempts
    return services.alerts.settle(
        record.alert.alert_id,
        claimant=run,
        succeeded=False,
        detail=f"the run {run} failed; its tasks' logs say why",
        raises=[_repair(record.alert, failures)] if exhausted else [],
    )


def _claimed(services: Services, run: str) -> AlertRecord:
    for record in services.alerts.history():
        if any(attempt.claimant == run for attempt in record.attempts):
            return record
    raise NotFound(f"the run {run} holds no alert; start the DAG anew rather than a task of it")


def _call_for_repairs(services: Services) -> None:
    """A last attempt that died with its lease has nobody to call for people: do it now."""
    records = services.alerts.history()
    raised = {record.alert.alert_id for record in records}
    for record in records:
        alert, repair = record.alert, _repair(record.alert, record.failures)
        if _is_given_up(record, services.settings) and repair.alert_id not in raised:
            last = record.attempts[-1]
            services.alerts.settle(
                alert.alert_id,
                claimant=last.claimant,
                succeeded=False,
                detail=last.detail,
                raises=[repair],
            )


def _is_given_up(record: AlertRecord, settings: Settings) -> bool:
    retraining = record.alert.action is Action.RETRAIN and not record.settled
    return retraining and record.failures >= settings.alert_max_attempts


def _repair(alert: Alert, failures: int) -> Alert:
    """The one call for people that an alert leads to in the end."""
    return Alert(
        alert_id=digest_of(Action.REPAIR.value, alert.alert_id),
        action=Action.REPAIR,
        model_version=alert.model_version,
        at=alert.at,
        window_start=alert.window_start,
        reason=f"retraining keeps failing, attempts: {failures}; the alert was: {alert.reason}",
        numbers={"failures": failures},
    )
