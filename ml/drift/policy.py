"""From findings to alerts: what somebody is asked to do, once for the same products. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml.domain.digests import digest_of
from ml.domain.drift import Action, Alert, AlertRecord, DriftCheck, Finding, Monitor

REMEDIES: Mapping[Monitor, Action] = {
    Monitor.DATA: Action.RETRAIN,
    Monitor.CONCEPT: Action.RETRAIN,
    Monitor.PREDICTION: Action.INVESTIGATE,
    Monitor.CONFIDENCE: Action.REVIEW,
}


@dataclass(frozen=True, kw_only=True)
class AlertPolicy:
    """When a finding becomes an alert.

    Data drift must be found by `checks_in_a_row`; a retraining that failed `max_attempts` times is
    no longer waited for.
    """

    checks_in_a_row: int
    max_attempts: int


def alert_id(champion_entry: int, action: Action, as_of: datetime) -> str:
    """The name of a check's alert: of a champion's ledger entry, an action and a time in UTC."""
    return digest_of("drift", champion_entry, action.value, as_of.isoformat())[:32]


def alerts_of(
    check: DriftCheck,
    *,
    champion_entry: int,
    earlier: Sequence[DriftCheck],
    raised: Sequence[AlertRecord],
    on_trial: bool,
    policy: AlertPolicy,
) -> tuple[Alert, ...]:
    """What a check asks for, at most one alert an action.

    `earlier` are checks of the same version, `raised` all alerts so far, `on_trial` whether a
    challenger is: then the remedy is being tried already.
    """
    of_version = [each for each in raised if each.alert.model_version == check.model_version]
    alerts = []
    for action in dict.fromkeys(REMEDIES.values()):
        findings = [
            finding
            for finding in check.findings
            if REMEDIES[finding.monitor] is action
            and _is_confirmed(finding, check, earlier, policy)
        ]
        same = [each for each in of_version if each.alert.action is action]
        known = any(check.current.start <= each.alert.at for each in same)
        under_way = on_trial or any(_is_open(each, policy) for each in same)
        if findings and not known and not (action is Action.RETRAIN and under_way):
            alerts.append(_alert(check, champion_entry, action, findings))
    return tuple(alerts)


def _is_confirmed(
    finding: Finding, check: DriftCheck, earlier: Sequence[DriftCheck], policy: AlertPolicy
) -> bool:
    """Data drift counts when the checks before this one found it, too; the others at once."""
    if finding.monitor is not Monitor.DATA or not finding.drifted:
        return finding.drifted
    wanted = policy.checks_in_a_row - 1
    past = sorted(
        (each for each in earlier if each.as_of < check.as_of), key=lambda each: each.as_of
    )
    streak = past[len(past) - wanted :] if wanted <= len(past) else []
    return len(streak) == wanted and all(_found(each, Monitor.DATA) for each in streak)


def _found(check: DriftCheck, monitor: Monitor) -> bool:
    return any(each.monitor is monitor and each.drifted for each in check.findings)


def _is_open(record: AlertRecord, policy: AlertPolicy) -> bool:
    return not record.settled and record.failures < policy.max_attempts


def _alert(
    check: DriftCheck, champion_entry: int, action: Action, findings: Sequence[Finding]
) -> Alert:
    return Alert(
        alert_id=alert_id(champion_entry, action, check.as_of),
        action=action,
        model_version=check.model_version,
        at=check.as_of,
        window_start=check.current.start,
        reason="; ".join(finding.reason for finding in findings),
        numbers={
            f"{finding.monitor.value}_{name}": value
            for finding in findings
            for name, value in finding.numbers.items()
        },
    )
