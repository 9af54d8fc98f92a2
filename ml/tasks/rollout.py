"""Changes to who serves: the ledger first, then what the registry shows of it.

Each change is made once under its key. `seen` is the `Rollout.entry_id` that it was decided on:
when somebody else changed the rollout since, Conflict is raised and nothing is done. Killed after
the ledger was written, the same call again only lets the registry follow. InvalidInput is raised
for a change that leads nowhere, as the ledger does. No model code is imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import Challenger, Champion, ComparisonKind, Rollout
from ml.rollout.selection import plan_label_probability
from ml.tasks.registry_aliases import show_in_registry as show_in_registry
from ml.wiring.build import Services
from ml.wiring.config import Settings

Evidence = Mapping[str, float | str]


@dataclass(frozen=True)
class _Model:
    """What the ledger keeps of a version, so that it serves without the registry."""

    model_version: int
    bundle_digest: str
    label_space_version: int


def challenge(
    services: Services,
    version: int,
    *,
    reason: str,
    actor: str,
    at: datetime,
    key: str,
    share: float | None = None,
    evidence: Evidence | None = None,
    seen: int | None = None,
) -> LedgerEntry:
    """Try a version on a share of the products, in place of any other trial.

    `share` is by default the setting's. Champion and challenger score the same products meanwhile;
    how many of their disagreements people label follows from the reviewers' capacity. Raises
    NotFound for an unknown version.
    """
    change = LedgerChange(
        key=key,
        action=LedgerAction.CHALLENGE,
        **vars(_known_model(services, version)),
        reason=reason,
        actor=actor,
        at=at,
        evidence=evidence or {},
        share=services.settings.challenger_share if share is None else share,
        **shadow_terms(services.settings, LedgerAction.CHALLENGE, evidence or {}),
    )
    return _record(services, change, seen)


def promote(
    services: Services,
    version: int,
    *,
    reason: str,
    actor: str,
    at: datetime,
    key: str,
    evidence: Evidence | None = None,
    seen: int | None = None,
) -> LedgerEntry:
    """Let a version answer every product, and end any trial; watch it beside the one before it.

    Raises NotFound for an unknown version.
    """
    change = LedgerChange(
        key=key,
        action=LedgerAction.PROMOTE,
        **vars(_known_model(services, version)),
        reason=reason,
        actor=actor,
        at=at,
        evidence=evidence or {},
        **shadow_terms(services.settings, LedgerAction.PROMOTE, evidence or {}),
    )
    return _record(services, change, seen)


def confirm(
    services: Services,
    *,
    reason: str,
    actor: str,
    at: datetime,
    key: str,
    evidence: Evidence | None = None,
    seen: int | None = None,
) -> LedgerEntry:
    """End the watch over the champion. Raises InvalidInput when none is watched."""
    done = recorded(services, key)
    if done is not None:
        show_in_registry(services)
        return done
    rollout = services.ledger.rollout()
    comparison = rollout.comparison
    if comparison is None or comparison.kind is not ComparisonKind.WATCH:
        raise InvalidInput("no champion is under watch: there is nothing to confirm")
    change = LedgerChange(
        key=key,
        action=LedgerAction.CONFIRM,
        **vars(_model(comparison.candidate)),
        reason=reason,
        actor=actor,
        at=at,
        evidence=evidence or {},
    )
    return _record(services, change, rollout.entry_id if seen is None else seen)


def roll_back(
    services: Services,
    *,
    reason: str,
    actor: str,
    at: datetime,
    key: str,
    version: int | None = None,
    evidence: Evidence | None = None,
    seen: int | None = None,
) -> LedgerEntry:
    """End the trial that is on; without one, let the champion before this one serve again.

    With a `version` only that one goes, be it champion or challenger. Needs nothing but the
    ledger until that is written: the models are loaded in every worker.
    """
    done = recorded(services, key)
    if done is not None:
        show_in_registry(services)
        return done
    rollout = services.ledger.rollout()
    out = to_withdraw(rollout, version)
    change = LedgerChange(
        key=key,
        action=LedgerAction.ROLLBACK,
        **vars(_model(out)),
        reason=reason,
        actor=actor,
        at=at,
        evidence=evidence or {},
    )
    return _record(services, change, rollout.entry_id if seen is None else seen)


def to_withdraw(rollout: Rollout, version: int | None = None) -> Champion | Challenger:
    """Who goes in a rollback (of a version); raises InvalidInput when there is nobody to go."""
    served = [each for each in (rollout.challenger, rollout.champion) if each]
    if not served:
        raise InvalidInput("no version serves yet: there is nothing to roll back")
    for each in served:
        if version in (None, each.model_version):
            return each
    raise InvalidInput(f"version {version} is neither champion nor challenger; nothing to do")


def recorded(services: Services, key: str) -> LedgerEntry | None:
    """The entry that was written under a key."""
    return next((each for each in services.ledger.history() if each.change.key == key), None)


def _record(services: Services, change: LedgerChange, seen: int | None) -> LedgerEntry:
    entry = services.ledger.append(change, seen=seen)
    show_in_registry(services)
    return entry


def shadow_terms(settings: Settings, action: LedgerAction, evidence: Evidence) -> dict[str, Any]:
    """`shadow_share` and `label_probability` of the trial or watch that a change begins, if any.

    How often the models are expected to differ is `disagreement` in the evidence: what the gate, or
    the judge of the trial, saw.
    """
    shares = {
        LedgerAction.CHALLENGE: settings.shadow_share,
        LedgerAction.PROMOTE: settings.watch_share if settings.watch_days else None,
    }
    share = shares.get(action)
    if share is None:
        return {"shadow_share": None, "label_probability": None}
    probability = plan_label_probability(
        capacity_per_day=settings.disagreement_capacity_per_day,
        products_per_day=settings.products_per_day,
        shadow_share=share,
        expected_disagreement=float(evidence.get("disagreement", 0.0))
        or settings.expected_disagreement,
        reviews=1.0 + settings.second_review_share,
    )
    return {"shadow_share": share, "label_probability": probability}


def _known_model(services: Services, version: int) -> _Model:
    """A version as the ledger knows it; one that it never heard of as the registry does."""
    for entry in services.ledger.history():
        if entry.change.model_version == version:
            return _model(entry.change)
    found = services.registry.get(version)
    snapshot = services.snapshots.get(found.tags.get("regain.snapshot", ""))
    return _Model(version, found.bundle_digest, snapshot.label_space_version)


def _model(served: Champion | Challenger | LedgerChange) -> _Model:
    return _Model(served.model_version, served.bundle_digest, served.label_space_version)
