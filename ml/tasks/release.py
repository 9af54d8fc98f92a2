"""The tasks `gate` and `promote`: a registered version may serve, or it is recorded why not.

They import no model code: a promotion takes a moment.
"""

import logging
from datetime import datetime

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import RegainError
from ml.domain.rollouts import Champion
from ml.tasks.artifacts import Verdict, read_verdict
from ml.wiring.build import Services
from ml.wiring.config import load_settings

CHAMPION = "champion"
ACTOR = "airflow"
OUTCOMES = {LedgerAction.PROMOTE: "admitted", LedgerAction.REFUSE: "refused"}

_logger = logging.getLogger(__name__)


def gate(*, version: int, evaluation_key: str, services: Services | None = None) -> bool:
    """Say the gate's decision in the task's log; returns whether the version may serve.

    Raises RegainError when another model serves than the one it was held against.
    """
    services = services or Services(load_settings())
    verdict = read_verdict(services.objects, evaluation_key)
    _check_rival(services.ledger.champion(), verdict, version)
    outcome = "admitted" if verdict.decision.admitted else "refused"
    _logger.info("version %d is %s: %s", version, outcome, verdict.decision.reason)
    return verdict.decision.admitted


def promote(
    *,
    version: int,
    evaluation_key: str,
    as_of: str,
    run: str,
    services: Services | None = None,
) -> str:
    """Record the decision in the ledger, and let an admitted version serve; returns the action.

    A run decides once: cleared later, it changes nothing, whatever labels came since. The ledger is
    written first; the registry's tag and alias follow it. Raises RegainError as `gate` does.
    """
    services = services or Services(load_settings())
    decided = [entry for entry in services.ledger.history() if entry.change.key == run]
    if decided:
        return _follow_ledger(services, decided[0])
    verdict = read_verdict(services.objects, evaluation_key)
    champion = services.ledger.champion()
    if champion and champion.bundle_digest == verdict.bundle_digest:
        return "serves already"
    _check_rival(champion, verdict, version)
    snapshot = services.snapshots.get(services.registry.get(version).tags["regain.snapshot"])
    entry = services.ledger.append(
        LedgerChange(
            key=run,
            action=LedgerAction.PROMOTE if verdict.decision.admitted else LedgerAction.REFUSE,
            model_version=version,
            bundle_digest=verdict.bundle_digest,
            label_space_version=snapshot.label_space_version,
            reason=verdict.decision.reason,
            actor=ACTOR,
            at=datetime.fromisoformat(as_of),
            evidence=verdict.decision.numbers,
        )
    )
    return _follow_ledger(services, entry)


def _check_rival(champion: Champion | None, verdict: Verdict, version: int) -> None:
    """Nothing serves on the strength of a comparison with a champion of the past."""
    compared = (verdict.champion_bundle, verdict.bundle_digest)
    if champion and champion.bundle_digest not in compared:
        raise RegainError(
            f"version {champion.model_version} became champion after version {version} was "
            "evaluated; clear the task evaluate to hold it against the one that serves now"
        )


def _follow_ledger(services: Services, entry: LedgerEntry) -> str:
    """Let the registry show what the ledger says: of this decision, and of who serves."""
    change = entry.change
    gate_tag = f"{OUTCOMES[change.action]}: {change.reason}"
    services.registry.tag(change.model_version, {"regain.gate": gate_tag})
    champion = services.ledger.champion()
    if champion is not None:
        services.registry.set_alias(CHAMPION, champion.model_version)
    return change.action.value
