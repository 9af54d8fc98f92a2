"""The task `follow_registry`: an engineer's edit of an alias in MLflow becomes a ledger entry.

An edit is a request: `champion` moved to a version promotes it, or rolls back to it when it was the
champion before; `challenger` moved to a version tries it; `challenger` removed, or its version
deleted, ends the trial. Nobody else's check stands before it, the gate's neither: that is the
engineer's right, and the entry's evidence says what the gate had decided. Somebody has to serve, so
a removed `champion` is put back. No model code is imported here.
"""

import logging
from datetime import datetime
from typing import Any

from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.domain.predictions import Arm
from ml.domain.rollouts import Rollout
from ml.tasks.registry_aliases import AliasEdit, show_in_registry, waiting_edits
from ml.tasks.release import ACTOR as RELEASE
from ml.tasks.rollout import challenge, promote, roll_back
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import load_settings

ACTOR = "mlflow"  # which does not say who edited

_logger = logging.getLogger(__name__)


def follow_registry(*, as_of: str, services: Services | None = None) -> dict[str, Any]:
    """Do what engineers asked for by editing aliases; then let the aliases show who serves.

    Returns {"requests": [{"alias", "version", "action", "reason"}, ...]}; the action is None where
    a request leads nowhere, and the reason then says why. Each edit is in the ledger once, however
    often and by how many it is seen. Raises Conflict when the rollout changed just now, and
    ServiceUnavailable; the edit then waits in MLflow.
    """
    services = services or Services(load_settings())
    at = time_of(as_of)
    edits = waiting_edits(services)
    requests = [_granted(services, edit, at) for edit in edits]
    show_in_registry(services, settled=edits)
    return {"requests": requests}


def is_news(alias: str, version: int | None, *, services: Services | None = None) -> bool:
    """Whether an alias that is at `version` now (None: removed) shows other than the ledger says.

    regain writes the ledger first, so its own moves of aliases are no news.
    """
    if alias not in list(Arm):
        return False
    services = services or Services(load_settings())
    try:
        return _serving(services.ledger.rollout(), Arm(alias)) != version
    except ServiceUnavailable:
        return True  # whoever looks closer finds out


def _granted(services: Services, edit: AliasEdit, at: datetime) -> dict[str, Any]:
    """What became of one edit."""
    told = {"alias": edit.alias.value, "version": edit.version}
    try:
        entry = _apply(services, edit, at)
    except (InvalidInput, NotFound) as error:
        _logger.warning("%s in MLflow leads nowhere: %s", _edited(services, edit), error)
        return {**told, "action": None, "reason": str(error)}
    if entry is None:
        return {**told, "action": None, "reason": "it is so already"}
    _logger.info("%s: %s", entry.change.action, entry.change.reason)
    return {**told, "action": entry.change.action.value, "reason": entry.change.reason}


def _apply(services: Services, edit: AliasEdit, at: datetime) -> LedgerEntry | None:
    """Change the ledger as the edit asks; None when it is so already."""
    rollout = services.ledger.rollout()
    if edit.version == _serving(rollout, edit.alias):
        return None
    terms: dict[str, Any] = {
        "reason": f"{_edited(services, edit)} in MLflow",
        "actor": ACTOR,
        "at": at,
        "key": edit.key,
        "seen": rollout.entry_id,
    }
    evidence: dict[str, float | str] = {"alias": edit.alias.value}
    if edit.version is None:
        if (
            rollout.challenger is None
            or rollout.challenger.model_version not in edit.shown.versions
        ):
            return None  # the trial that it was about is over
        out = rollout.challenger.model_version
        return roll_back(services, version=out, evidence=evidence, **terms)
    evidence["gate"] = _gate(services, edit.version)
    if edit.alias is Arm.CHALLENGER:
        return challenge(services, edit.version, evidence=evidence, **terms)
    if rollout.champion and rollout.former and rollout.former[-1].model_version == edit.version:
        out = rollout.champion.model_version
        return roll_back(services, version=out, evidence=evidence, **terms)
    return promote(services, edit.version, evidence=evidence, **terms)


def _serving(rollout: Rollout, alias: Arm) -> int | None:
    served = rollout.champion if alias is Arm.CHAMPION else rollout.challenger
    return served.model_version if served else None


def _edited(services: Services, edit: AliasEdit) -> str:
    """The edit in words."""
    before = edit.shown.versions[-1]
    if edit.version is not None:
        origin = f" from version {before}" if before else ""
        return f"alias {edit.alias} moved{origin} to version {edit.version}"
    try:
        if before is not None:
            services.registry.get(before)
    except NotFound:
        return f"version {before}, the {edit.alias}, was deleted"
    return f"alias {edit.alias} removed from version {before}"


def _gate(services: Services, version: int) -> str:
    """What the gate decided on a version: admitted, refused, or none."""
    decisions = [
        entry.change.action
        for entry in services.ledger.history()
        if entry.change.model_version == version and entry.change.actor == RELEASE
    ]
    if not decisions:
        return "none"
    return "refused" if decisions[-1] is LedgerAction.REFUSE else "admitted"
