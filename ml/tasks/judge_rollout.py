"""The task `judge_rollout`: the comparison that is on goes on, ends well, or ends.

It imports no model code, and of the services it needs PostgreSQL alone until the ledger is written:
a rollback reaches every serving worker with MLflow, Redis and the rest down.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ml.domain.comparisons import Cohort
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.digests import digest_of
from ml.domain.predictions import Arm
from ml.domain.reigns import reigns_of
from ml.domain.rollouts import CHANGING, Comparison, ComparisonKind, Rollout
from ml.rollout.cohorts import next_cohort
from ml.rollout.decisions import (
    Await,
    Confirm,
    Continue,
    Decision,
    Expire,
    Promote,
    Stop,
    held_for_approval,
)
from ml.rollout.guardrails import breaches
from ml.rollout.judge import judge
from ml.rollout.observed import arm_figures, judge_observed
from ml.tasks.policies import (
    cohort_policy,
    guardrail_policy,
    observed_policy,
    trial_policy,
    watch_policy,
)
from ml.tasks.rollout import confirm, promote, roll_back, show_in_registry
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import load_settings

ACTOR = "judge_rollout"
PROMOTABLE = "promotable"
_VERDICTS = {
    Promote: "promote",
    Await: PROMOTABLE,
    Continue: "continue",
    Expire: "expired",
    Confirm: "confirm",
}
_logger = logging.getLogger(__name__)


def judge_rollout(*, as_of: str, services: Services | None = None) -> dict[str, Any]:
    """Judge what is compared on the labels given up to `as_of` (ISO 8601); do what was decided.

    Returns {"decision": a ledger action, "verdict", "reason", "numbers", "experiment", "asks":
    whether an engineer must approve}; the decision is None when nothing is compared. It is in the
    ledger once, however often the same labels are judged. Raises Conflict when the rollout changed
    just now, and ServiceUnavailable when the registry does not show the change, which by then is
    made: the same call again only lets the registry follow.
    """
    services = services or Services(load_settings())
    at = time_of(as_of)
    rollout = services.ledger.rollout()
    comparison, ended = rollout.comparison, _ended_at(services, at)
    if comparison is None or ended is not None:
        show_in_registry(services)
        return _told(ended)
    days = _days_since(services, comparison, at)
    decision = _decide(services, comparison, at, days)
    if services.settings.promotion_approval and isinstance(decision, Promote):
        max_days = services.settings.judge_max_days
        decision = held_for_approval(decision, days=days, max_days=max_days)
    return _told(_act(services, rollout, comparison, decision, at))


def _decide(services: Services, comparison: Comparison, at: datetime, days: float) -> Decision:
    settings = services.settings
    if settings.judge_policy == "observed_drop" and comparison.kind is ComparisonKind.TRIAL:
        outcomes = services.windows.outcomes(as_of=at, experiment=comparison.experiment)
        champion, challenger = (
            arm_figures(outcomes, Arm.CHAMPION),
            arm_figures(outcomes, Arm.CHALLENGER),
        )
        return judge_observed(champion, challenger, observed_policy(settings), days=days)
    guardrails = guardrail_policy(settings)
    tally = services.shadows.tally(
        comparison.experiment,
        confidence_threshold=settings.confidence_threshold,
        slow_ms=guardrails.max_p95_ms,
        as_of=at,
    )
    watched = comparison.kind is ComparisonKind.WATCH
    return judge(
        closed_cohorts(services, comparison.experiment, at),
        breaches(tally, guardrails),
        watch_policy(settings) if watched else trial_policy(settings),
        kind=comparison.kind,
        label_probability=comparison.label_probability,
        days=days,
    )


def closed_cohorts(services: Services, experiment: str, at: datetime) -> list[Cohort]:
    """The cohorts of an experiment, after closing those whose labels are in by now.

    Each is recorded before it is judged, so that two judges see the same ones, and what comes after
    it is closed changes nothing.
    """
    log, policy = services.shadows, cohort_policy(services.settings)
    while True:
        cohorts = log.cohorts(experiment)
        before = cohorts[-1] if cohorts else None
        cohort = next_cohort(log, experiment, before, policy, as_of=at)
        if cohort is None:
            return cohorts
        log.close(cohort)


def _days_since(services: Services, comparison: Comparison, at: datetime) -> float:
    """How long labels could come, from the judge's first look.

    A release speaks of the time of its labels, which is long past when it was held up. Days in
    which a trial took the place of a watch do not count.
    """
    history = services.ledger.history()
    looks = [
        entry.change.at
        for entry in history
        if entry.change.evidence.get("experiment") == comparison.experiment
    ]
    began = max(comparison.since, min(looks, default=at))
    lost = timedelta()
    if comparison.kind is ComparisonKind.WATCH:
        lost = _on_trial(history, began, at)
    return (at - began - lost) / timedelta(days=1)


def _on_trial(history: Sequence[LedgerEntry], since: datetime, until: datetime) -> timedelta:
    """How much of a span there was a challenger."""
    spans = [
        (max(reign.since, since), min(reign.until or until, until))
        for reign in reigns_of(history)
        if reign.arm is Arm.CHALLENGER
    ]
    return sum((end - begin for begin, end in spans if begin < end), timedelta())


def _act(
    services: Services, rollout: Rollout, comparison: Comparison, decision: Decision, at: datetime
) -> LedgerEntry:
    """Write the decision to the ledger and let the registry follow."""
    version, experiment = comparison.candidate.model_version, comparison.experiment
    _logger.info("%s, version %d: %s", experiment, version, decision.reason)
    verdict = _verdict(decision)
    terms: dict[str, Any] = {
        "reason": decision.reason,
        "actor": ACTOR,
        "at": at,
        "key": f"judge:{experiment}:{verdict}:{digest_of(decision.numbers)}",
        "evidence": {"experiment": experiment, "verdict": verdict, **decision.numbers},
        "seen": rollout.entry_id,
    }
    if isinstance(decision, Promote):
        return promote(services, version, **terms)
    if isinstance(decision, Stop | Expire):
        return roll_back(services, **terms)
    if isinstance(decision, Confirm):
        return confirm(services, **terms)
    return _note(services, comparison, **terms)


def _note(services: Services, comparison: Comparison, *, seen: int, **terms: Any) -> LedgerEntry:
    """Record that the comparison goes on."""
    candidate = comparison.candidate
    change = LedgerChange(
        action=LedgerAction.CONTINUE,
        model_version=candidate.model_version,
        bundle_digest=candidate.bundle_digest,
        label_space_version=candidate.label_space_version,
        **terms,
    )
    entry = services.ledger.append(change, seen=seen)
    show_in_registry(services)
    return entry


def _verdict(decision: Decision) -> str:
    """One word for what was decided: a stop by its ground."""
    if isinstance(decision, Stop):
        return decision.ground.value
    return _VERDICTS[type(decision)]


def _ended_at(services: Services, at: datetime) -> LedgerEntry | None:
    """How the judge ended a comparison on the labels of this time: a task that died asks again."""
    ends = [
        entry
        for entry in services.ledger.history()
        if entry.change.actor == ACTOR and entry.change.at == at and entry.change.action in CHANGING
    ]
    return ends[-1] if ends else None


def _told(entry: LedgerEntry | None) -> dict[str, Any]:
    if entry is None:
        reason = "no version is on trial or under watch"
        return {"decision": None, "reason": reason, "numbers": {}, "asks": False}
    change = entry.change
    numbers = dict(change.evidence)
    verdict, experiment = numbers.pop("verdict", None), numbers.pop("experiment", None)
    return {
        "decision": change.action.value,
        "verdict": verdict,
        "reason": change.reason,
        "numbers": numbers,
        "experiment": experiment,
        "asks": verdict == PROMOTABLE,
    }
