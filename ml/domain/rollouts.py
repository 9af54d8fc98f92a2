"""Who serves: the state that the rollout ledger's entries add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Champion:
    """Who serves, by the ledger; `bundle_digest` finds the model in the object store.

    `entry_id` is the entry that made it champion, a rollback to it included.
    """

    entry_id: int
    model_version: int
    bundle_digest: str
    label_space_version: int
    since: datetime


@dataclass(frozen=True)
class Challenger:
    """A version on trial: it answers `share` of the products, chosen by product and experiment."""

    entry_id: int
    model_version: int
    bundle_digest: str
    label_space_version: int
    since: datetime
    share: float

    @property
    def experiment(self) -> str:
        """Names the trial in predictions and salts the choice of products."""
        return f"trial-{self.entry_id}"


@dataclass(frozen=True)
class Rollout:
    """Who serves after the entry `entry_id`, the newest that changed it (0: none did yet).

    `former` are the champions before this one, newest last: where a rollback leads.
    """

    entry_id: int = 0
    champion: Champion | None = None
    challenger: Challenger | None = None
    former: tuple[Champion, ...] = ()

    def after(self, entry: LedgerEntry) -> "Rollout":
        """The state that an entry leads to."""
        change = entry.change
        if change.action is LedgerAction.PROMOTE:
            former = (*self.former, self.champion) if self.champion else ()
            return Rollout(entry.entry_id, _champion(entry), None, former)
        if change.action is LedgerAction.CHALLENGE:
            return replace(self, entry_id=entry.entry_id, challenger=_challenger(entry))
        if change.action is LedgerAction.ROLLBACK:
            return self._rolled_back(entry)
        return self

    def check(self, change: LedgerChange) -> None:
        """Raise InvalidInput for a change that leads nowhere from here; the message says why."""
        _check_share(change)
        serves = self.champion is not None and self.champion.model_version == change.model_version
        if change.action is LedgerAction.ROLLBACK:
            self._check_rollback(change, serves=serves)
        elif change.action in CHANGING and serves:
            raise InvalidInput(f"version {change.model_version} is champion already")
        elif change.action is LedgerAction.CHALLENGE and self.champion is None:
            raise InvalidInput(
                f"version {change.model_version} has no champion to challenge; promote it instead"
            )

    def _check_rollback(self, change: LedgerChange, *, serves: bool) -> None:
        version = change.model_version
        if serves and not self.former:
            raise InvalidInput(f"version {version} is the first champion; promote another instead")
        tried = self.challenger is not None and self.challenger.model_version == version
        if not serves and not tried:
            raise InvalidInput(f"version {version} is neither champion nor challenger")

    def _rolled_back(self, entry: LedgerEntry) -> "Rollout":
        if self.challenger and self.challenger.model_version == entry.change.model_version:
            return replace(self, entry_id=entry.entry_id, challenger=None)
        if not self.former:
            return self
        *former, back = self.former
        champion = replace(back, entry_id=entry.entry_id, since=entry.change.at)
        return Rollout(entry.entry_id, champion, None, tuple(former))


CHANGING = (LedgerAction.PROMOTE, LedgerAction.CHALLENGE, LedgerAction.ROLLBACK)


def rollout_of(entries: Iterable[LedgerEntry]) -> Rollout:
    """Who serves after these entries, oldest first."""
    rollout = Rollout()
    for entry in entries:
        rollout = rollout.after(entry)
    return rollout


def _check_share(change: LedgerChange) -> None:
    if change.action is not LedgerAction.CHALLENGE:
        if change.share is not None:
            raise InvalidInput(f"share is of a challenge only; a {change.action} takes none")
    elif change.share is None or not 0 < change.share <= 1:
        raise InvalidInput(f"share of a challenge is {change.share}; it must be in (0, 1]")


def _champion(entry: LedgerEntry) -> Champion:
    change = entry.change
    return Champion(
        entry.entry_id,
        change.model_version,
        change.bundle_digest,
        change.label_space_version,
        change.at,
    )


def _challenger(entry: LedgerEntry) -> Challenger:
    change = entry.change
    assert change.share is not None, "the ledger refuses a challenge without a share"
    return Challenger(
        entry.entry_id,
        change.model_version,
        change.bundle_digest,
        change.label_space_version,
        change.at,
        change.share,
    )
