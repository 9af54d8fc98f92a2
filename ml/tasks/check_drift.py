"""The task `check_drift`: the champion's first answers against its present ones.

It is the only way into the alert outbox for drift, and imports no model code.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

import pyarrow as pa

from ml.domain.digests import digest_of
from ml.domain.drift import Action, Alert, DriftCheck, Finding
from ml.domain.errors import Conflict, NotFound
from ml.domain.ports import DriftFigures
from ml.domain.rollouts import Champion, Rollout
from ml.drift.monitors import (
    MonitorPolicy,
    watch_concept,
    watch_confidence,
    watch_data,
    watch_prediction,
)
from ml.drift.policy import AlertPolicy, alert_id, alerts_of
from ml.drift.windows import WindowPolicy, Windows, read_windows, span
from ml.signals.manifest import SIGNALS
from ml.tasks.times import time_of
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

_logger = logging.getLogger(__name__)


class CheckResult(TypedDict):
    """What the DAG passes on: references only.

    `check_id` and `report` (a URL) are None when there was nothing to compare.
    """

    check_id: str | None
    alerts: list[str]
    retrain: bool
    report: str | None
    summary: str


def check_drift(*, as_of: str, services: Services | None = None) -> CheckResult:
    """Compare the champion's windows as of a time (ISO 8601 with zone); store check and alerts.

    A champion is checked once a time: repeated, the stored check is told again. The report is
    stored first; then check and alerts in one transaction, so a check without them never exists.
    Raises Conflict, before any of these two, when who serves changed meanwhile.
    """
    services = services or Services(load_settings())
    time = time_of(as_of)
    rollout = services.ledger.rollout()
    champion = rollout.champion
    if champion is None:
        return _nothing("no model serves yet")
    check_id = digest_of("drift-check", champion.entry_id, time.isoformat())[:32]
    try:
        check = services.drift_log.get(check_id)
    except NotFound:
        windows = read_windows(
            services.windows,
            champion.model_version,
            as_of=time,
            policy=_window_policy(services.settings),
        )
        if windows.products < services.settings.drift_min_products:
            return _nothing(_too_few(champion, windows, services.settings))
        check = _make_check(services, champion, windows, check_id=check_id, as_of=time)
        _record(services, rollout, champion, check)
    return _result(services, champion, check)


def report_key(check_id: str) -> str:
    """Where a check's HTML report lies in the object store."""
    return f"drift/{check_id}/report.html"


def _make_check(
    services: Services, champion: Champion, windows: Windows, *, check_id: str, as_of: datetime
) -> DriftCheck:
    """Measure, store the report, and let the monitors judge."""
    figures = services.drift_reports.compare(windows.reference, windows.current, signals=SIGNALS)
    return DriftCheck(
        check_id=check_id,
        model_version=champion.model_version,
        as_of=as_of,
        reference=span(windows.reference),
        current=span(windows.current),
        findings=_findings(services, champion.model_version, windows, figures, as_of),
        report_uri=services.objects.put(report_key(check_id), figures.html),
    )


def _findings(
    services: Services, model_version: int, windows: Windows, figures: DriftFigures, as_of: datetime
) -> tuple[Finding, ...]:
    def outcomes(window: pa.Table) -> pa.Table:
        reach = span(window)
        return services.windows.outcomes(
            as_of=as_of, model_version=model_version, since=reach.start, until=reach.end
        )

    policy = _monitor_policy(services.settings)
    reference, current = windows.reference, windows.current
    return (
        watch_data(reference, current, figures.p_values, policy),
        watch_concept(outcomes(reference), outcomes(current), policy),
        watch_prediction(reference, current, figures.divergence, policy),
        watch_confidence(current, policy),
    )


def _record(services: Services, rollout: Rollout, champion: Champion, check: DriftCheck) -> None:
    """Store a check with the alerts it raises; raises Conflict when others serve by now.

    The judge may decide in the same minute: what it just promoted needs no retraining.
    """
    if services.ledger.rollout().entry_id != rollout.entry_id:
        raise Conflict("who serves changed while drift was checked; look again")
    settings = services.settings
    policy = AlertPolicy(
        checks_in_a_row=settings.drift_checks_in_a_row, max_attempts=settings.alert_max_attempts
    )
    alerts = alerts_of(
        check,
        champion_entry=champion.entry_id,
        earlier=services.drift_log.recent(
            limit=policy.checks_in_a_row, model_version=check.model_version
        ),
        raised=services.alerts.history(),
        on_trial=rollout.challenger is not None,
        policy=policy,
    )
    services.drift_log.record(check, alerts)


def _result(services: Services, champion: Champion, check: DriftCheck) -> CheckResult:
    """A stored check and its alerts, as the outbox has them; said in the log, too."""
    ids = [alert_id(champion.entry_id, action, check.as_of) for action in Action]
    alerts = [record.alert for record in services.alerts.history() if record.alert.alert_id in ids]
    report = f"{endpoints.serving_url(services.settings)}/v1/drift/{check.check_id}/report"
    summary = _summary(check, alerts)
    _logger.info("%s", summary)
    for finding in check.findings:
        verdict = "DRIFT" if finding.drifted else "fine"
        _logger.info("%-10s %-5s %s", finding.monitor.value, verdict, finding.reason)
    _logger.info("report: %s", report)
    return CheckResult(
        check_id=check.check_id,
        alerts=[alert.alert_id for alert in alerts],
        retrain=any(alert.action is Action.RETRAIN for alert in alerts),
        report=report,
        summary=summary,
    )


def _summary(check: DriftCheck, alerts: Sequence[Alert]) -> str:
    drifted = [finding.monitor.value for finding in check.findings if finding.drifted]
    asked = [alert.action.value for alert in alerts]
    return (
        f"version {check.model_version}, {check.current.products:,} products against its first "
        f"{check.reference.products:,}: "
        + (f"drift of {', '.join(drifted)}" if drifted else "no drift")
        + (f"; alert: {', '.join(asked)}" if asked else "; no alert")
    )


def _nothing(summary: str) -> CheckResult:
    _logger.info("%s", summary)
    return CheckResult(check_id=None, alerts=[], retrain=False, report=None, summary=summary)


def _too_few(champion: Champion, windows: Windows, settings: Settings) -> str:
    return (
        f"version {champion.model_version} has answered too few products to compare: "
        f"{windows.reference.num_rows:,} of {settings.drift_reference_products:,} for its "
        f"reference, then {windows.current.num_rows:,} of {settings.drift_min_products:,}"
    )


def _window_policy(settings: Settings) -> WindowPolicy:
    return WindowPolicy(
        reference_products=settings.drift_reference_products,
        window_products=settings.drift_window_products,
        window_days=settings.drift_window_days,
    )


def _monitor_policy(settings: Settings) -> MonitorPolicy:
    return MonitorPolicy(
        max_false_discovery_rate=settings.drift_max_false_discovery_rate,
        min_distance=settings.drift_min_distance,
        min_products=settings.drift_min_products,
        max_divergence=settings.drift_max_divergence,
        max_accuracy_drop=settings.drift_max_accuracy_drop,
        min_labels=settings.drift_min_labels,
        min_confidence=settings.drift_min_confidence,
    )
