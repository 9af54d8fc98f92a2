"""Who served from when to when, by the rollout ledger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ml.domain.decisions import LedgerEntry
from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Champion, Rollout


@dataclass(frozen=True)
class Reign:
    """One span in which a version answered; `until` None: it does still.

    `began` and `ended` are the ledger entries that say why.
    """

    model_version: int
    arm: Arm
    since: datetime
    began: int
    until: datetime | None = None
    ended: int | None = None


def reigns_of(entries: Iterable[LedgerEntry]) -> list[Reign]:
    """The spans that entries, oldest first, add up to, in the order in which they began."""
    reigns: dict[tuple[Arm, int], Reign] = {}
    rollout = Rollout()
    for entry in entries:
        before, rollout = dict(_serving(rollout)), rollout.after(entry)
        after = dict(_serving(rollout))
        for key in before.keys() - after.keys():
            ended = replace(reigns[key], until=entry.change.at, ended=entry.entry_id)
            reigns[key] = ended
        for key in after.keys() - before.keys():
            arm, began = key
            reigns[key] = Reign(after[key].model_version, arm, after[key].since, began)
    return sorted(reigns.values(), key=lambda reign: reign.began)


def _serving(rollout: Rollout) -> Iterator[tuple[tuple[Arm, int], Champion | Challenger]]:
    """Who serves, by arm and the entry that put them there."""
    for arm, served in (
        (Arm.CHAMPION, rollout.champion),
        (Arm.CHALLENGER, rollout.challenger),
    ):
        if served is not None:
            yield (arm, served.entry_id), served
