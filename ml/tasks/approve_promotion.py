"""The tasks of `approve_promotion`: what an engineer said of a challenger that was found good.

Either answer concerns one trial: when it is over by then, rolled back by the judge above all,
InvalidInput is raised and nothing happens; so with Conflict when it ends at that very moment.
"""

from typing import Any

from ml.domain.decisions import LedgerEntry
from ml.domain.errors import InvalidInput
from ml.domain.rollouts import Comparison, Rollout
from ml.tasks.judge_rollout import PROMOTABLE
from ml.tasks.rollout import promote, recorded, roll_back, show_in_registry
from ml.tasks.times import time_of
from ml.wiring.build import Services
from ml.wiring.config import load_settings

ACTOR = "approval"


def question(*, services: Services | None = None) -> dict[str, Any] | None:
    """The trial that waits for approval: {"experiment", "version", "reason"}; None without one."""
    services = services or Services(load_settings())
    comparison = services.ledger.rollout().comparison
    if comparison is None:
        return None
    said = [entry.change for entry in services.ledger.history() if _is_of(entry, comparison)]
    if not said or said[-1].evidence.get("verdict") != PROMOTABLE:
        return None
    return {
        "experiment": comparison.experiment,
        "version": comparison.candidate.model_version,
        "reason": said[-1].reason,
    }


def promote_approved(*, experiment: str, as_of: str, services: Services | None = None) -> int:
    """Let the approved challenger answer everything; returns its version. Once, however often."""
    services = services or Services(load_settings())
    key = f"approved:{experiment}"
    done = recorded(services, key)
    if done is not None:
        show_in_registry(services)
        return done.change.model_version
    rollout = services.ledger.rollout()
    trial = _trial(rollout, experiment)
    promote(
        services,
        trial.candidate.model_version,
        reason="an engineer approved what the judge found",
        actor=ACTOR,
        at=time_of(as_of),
        key=key,
        evidence=_found(services, trial),
        seen=rollout.entry_id,
    )
    return trial.candidate.model_version


def withdraw_refused(*, experiment: str, as_of: str, services: Services | None = None) -> int:
    """End the trial of a challenger that an engineer refused; returns its version."""
    services = services or Services(load_settings())
    key = f"refused:{experiment}"
    done = recorded(services, key)
    if done is None:
        rollout = services.ledger.rollout()
        done = roll_back(
            services,
            version=_trial(rollout, experiment).candidate.model_version,
            reason="an engineer refused the promotion",
            actor=ACTOR,
            at=time_of(as_of),
            key=key,
            evidence={"experiment": experiment, "verdict": "refused"},
            seen=rollout.entry_id,
        )
    show_in_registry(services)
    return done.change.model_version


def _trial(rollout: Rollout, experiment: str) -> Comparison:
    comparison = rollout.comparison
    if comparison is None or comparison.experiment != experiment:
        raise InvalidInput(
            f"{experiment} is over: nothing is left to approve; see `regain history`"
        )
    return comparison


def _found(services: Services, comparison: Comparison) -> dict[str, float | str]:
    """What the judge last wrote of the trial."""
    found = [entry for entry in services.ledger.history() if _is_of(entry, comparison)]
    return {**found[-1].change.evidence, "verdict": "approved"} if found else {}


def _is_of(entry: LedgerEntry, comparison: Comparison) -> bool:
    return entry.change.evidence.get("experiment") == comparison.experiment
