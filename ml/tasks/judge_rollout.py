"""The task `judge_rollout`: the trial that is on goes on, ends well, or ends.

It imports no model code, and of the services it needs PostgreSQL alone until the ledger is written:
a rollback reaches every serving worker with MLflow, Redis and the rest down.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.digests import digest_of
from ml.domain.predictions import Arm
from ml.domain.rollouts import CHANGING, Challenger, Rollout
from ml.rollout.judge import Continue, JudgePolicy, Promote, Rollback, arm_figures, judge
from ml.tasks.rollout import promote, roll_back, show_in_registry
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

ACTOR = "judge_rollout"

_logger = logging.getLogger(__name__)


def judge_rollout(*, as_of: str, services: Services | None = None) -> dict[str, Any]:
    """Judge the trial on the labels given up to `as_of` (ISO 8601), and do what was decided.

    Returns {"decision": "promote", "continue", "rollback" or None, "reason", "numbers"}; None when
    there is no trial. The decision is in the ledger once, however often the same labels are judged.
    Raises Conflict when the rollout changed just now, and ServiceUnavailable when the registry does
    not show the change, which by then is made: the same call again only lets the registry follow.
    """
    services = services or Services(load_settings())
    at = time_of(as_of)
    rollout = services.ledger.rollout()
    if rollout.challenger is None:
        show_in_registry(services)
        return _told(_ended_at(services, at))
    outcomes = services.windows.outcomes(as_of=at, experiment=rollout.challenger.experiment)
    decision = judge(
        arm_figures(outcomes, Arm.CHAMPION),
        arm_figures(outcomes, Arm.CHALLENGER),
        judge_policy(services.settings),
        days=_days_on_trial(services, rollout.challenger, at),
    )
    return _told(_act(services, rollout, rollout.challenger, decision, at))


def judge_policy(settings: Settings) -> JudgePolicy:
    """The judge's bounds, as the settings name them."""
    return JudgePolicy(
        min_labels=settings.judge_min_labels,
        max_accuracy_drop=settings.judge_max_accuracy_drop,
        max_days=settings.judge_max_days,
    )


def _days_on_trial(services: Services, trial: Challenger, at: datetime) -> float:
    """How long labels could come, from the judge's first look at the trial.

    A release speaks of the time of its labels, which is long past when it was held up.
    """
    looks = [
        entry.change.at
        for entry in services.ledger.history()
        if entry.change.evidence.get("experiment") == trial.experiment
    ]
    began = max(trial.since, min(looks, default=at))
    return (at - began) / timedelta(days=1)


def _act(
    services: Services,
    rollout: Rollout,
    trial: Challenger,
    decision: Promote | Continue | Rollback,
    at: datetime,
) -> LedgerEntry:
    """Write the decision to the ledger and let the registry follow."""
    _logger.info("%s, version %d: %s", trial.experiment, trial.model_version, decision.reason)
    terms: dict[str, Any] = {
        "reason": decision.reason,
        "actor": ACTOR,
        "at": at,
        "key": f"judge:{trial.experiment}:{digest_of(decision.numbers)}",
        "evidence": {"experiment": trial.experiment, **decision.numbers},
    }
    if isinstance(decision, Promote):
        return promote(services, trial.model_version, **terms, seen=rollout.entry_id)
    if isinstance(decision, Rollback):
        return roll_back(services, **terms, seen=rollout.entry_id)
    change = LedgerChange(
        action=LedgerAction.CONTINUE,
        model_version=trial.model_version,
        bundle_digest=trial.bundle_digest,
        label_space_version=trial.label_space_version,
        **terms,
    )
    entry = services.ledger.append(change, seen=rollout.entry_id)
    show_in_registry(services)
    return entry


def _ended_at(services: Services, at: datetime) -> LedgerEntry | None:
    """How the judge ended a trial on the labels of this time: a task that died after it asks."""
    ends = [
        entry
        for entry in services.ledger.history()
        if entry.change.actor == ACTOR and entry.change.at == at and entry.change.action in CHANGING
    ]
    return ends[-1] if ends else None


def _told(entry: LedgerEntry | None) -> dict[str, Any]:
    if entry is None:
        return {"decision": None, "reason": "no version is on trial", "numbers": {}}
    change = entry.change
    numbers = {name: value for name, value in change.evidence.items() if name != "experiment"}
    return {"decision": change.action.value, "reason": change.reason, "numbers": numbers}
