"""The tasks `gate` and `release`: a registered version may be tried, or it is recorded why not.

They import no model code: a release takes a moment.
"""

import logging
from datetime import datetime

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import Champion, Rollout
from ml.tasks.artifacts import Verdict, read_verdict
from ml.tasks.rollout import recorded, shadow_terms, show_in_registry
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import load_settings

ACTOR = "airflow"

_logger = logging.getLogger(__name__)


def gate(*, version: int, evaluation_key: str, services: Services | None = None) -> bool:
    """Say the gate's decision in the task's log; returns whether the version may serve.

    Raises InvalidInput when another model serves than the one it was held against.
    """
    services = services or Services(load_settings())
    verdict = read_verdict(services.objects, evaluation_key)
    _check_rival(services.ledger.champion(), verdict, version)
    outcome = "admitted" if verdict.decision.admitted else "refused"
    _logger.info("version %d is %s: %s", version, outcome, verdict.decision.reason)
    return verdict.decision.admitted


def release(
    *,
    version: int,
    evaluation_key: str,
    as_of: str,
    run: str,
    services: Services | None = None,
) -> str:
    """Record the decision in the ledger and act on it; returns the action.

    The first version is promoted, a later one challenges the champion on a share of the products,
    in place of any other trial. A run decides once: cleared later, it changes nothing, whatever
    labels came since. The ledger is written first; the registry follows it. Raises InvalidInput as
    `gate` does, and Conflict when the rollout changed just now.
    """
    services = services or Services(load_settings())
    decided = recorded(services, run)
    if decided is not None:
        return _follow_ledger(services, decided)
    verdict = read_verdict(services.objects, evaluation_key)
    rollout = services.ledger.rollout()
    for served, standing in (
        (rollout.champion, "serves already"),
        (rollout.challenger, "on trial already"),
    ):
        if served and served.bundle_digest == verdict.bundle_digest:
            return standing
    _check_rival(rollout.champion, verdict, version)
    change = _change(services, version, verdict, rollout, key=run, at=time_of(as_of))
    return _follow_ledger(services, services.ledger.append(change, seen=rollout.entry_id))


def _check_rival(champion: Champion | None, verdict: Verdict, version: int) -> None:
    """Nothing serves on the strength of a comparison with a champion of the past."""
    compared = (verdict.champion_bundle, verdict.bundle_digest)
    if champion and champion.bundle_digest not in compared:
        raise InvalidInput(
            f"version {champion.model_version} became champion after version {version} was "
            "evaluated; clear the task evaluate to hold it against the one that serves now"
        )


def _change(
    services: Services, version: int, verdict: Verdict, rollout: Rollout, *, key: str, at: datetime
) -> LedgerChange:
    action = _action(verdict, rollout)
    evidence: dict[str, float | str] = {**verdict.decision.numbers}
    if action is LedgerAction.CHALLENGE and rollout.challenger:
        evidence["replaced_challenger"] = rollout.challenger.model_version
    snapshot = services.snapshots.get(services.registry.get(version).tags["regain.snapshot"])
    return LedgerChange(
        key=key,
        action=action,
        model_version=version,
        bundle_digest=verdict.bundle_digest,
        label_space_version=snapshot.label_space_version,
        reason=verdict.decision.reason,
        actor=ACTOR,
        at=at,
        evidence=evidence,
        share=services.settings.challenger_share if action is LedgerAction.CHALLENGE else None,
        **shadow_terms(services.settings, action, evidence),
    )


def _action(verdict: Verdict, rollout: Rollout) -> LedgerAction:
    if not verdict.decision.admitted:
        return LedgerAction.REFUSE
    return LedgerAction.CHALLENGE if rollout.champion else LedgerAction.PROMOTE


def _follow_ledger(services: Services, entry: LedgerEntry) -> str:
    """Let the registry show what the ledger says: of this decision, and of who serves."""
    change = entry.change
    outcome = "refused" if change.action is LedgerAction.REFUSE else "admitted"
    services.registry.tag(change.model_version, {"regain.gate": f"{outcome}: {change.reason}"})
    show_in_registry(services)
    return change.action.value
