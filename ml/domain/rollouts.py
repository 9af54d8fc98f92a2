"""Who serves, and who is held against whom: the state that the ledger's entries add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Champion:
    """Who serves, by the ledger; `bundle_digest` finds the model in the object store.

    `entry_id` is the entry that made it champion, a rollback to it included. While `shadow_share`
    is above 0 it is watched: the champion before it scores that share of the products, too.
    """

    entry_id: int
    model_version: int
    bundle_digest: str
    label_space_version: int
    since: datetime
    shadow_share: float = 0.0
    label_probability: float = 0.0


@dataclass(frozen=True)
class Challenger:
    """A version on trial: it answers `share` of the products, chosen by product and experiment."""

    entry_id: int
    model_version: int
    bundle_digest: str
    label_space_version: int
    since: datetime
    share: float
    shadow_share: float = 0.0
    label_probability: float = 0.0

    @property
    def experiment(self) -> str:
        """Names the trial in predictions and salts the choice of products."""
        return f"trial-{self.entry_id}"


class ComparisonKind(StrEnum):
    """A TRIAL decides whether a challenger is promoted, a WATCH whether it stays champion."""

    TRIAL = "trial"
    WATCH = "watch"


@dataclass(frozen=True)
class Comparison:
    """Two versions that score the same products, so that people can say which is better.

    The `candidate` is the newer one: the challenger of a trial, the champion under watch. The
    `baseline` is the champion of the trial, the former champion of the watch. Both score
    `shadow_share` of the products; each disagreement is put before a person with
    `label_probability`.
    """

    kind: ComparisonKind
    experiment: str
    candidate: "Champion | Challenger"
    baseline: Champion
    since: datetime
    shadow_share: float
    label_probability: float


@dataclass(frozen=True)
class Rollout:
    """Who serves after the entry `entry_id`, the newest that changed it (0: none did yet).

    `former` are the champions before this one, newest last: where a rollback leads.
    """

    entry_id: int = 0
    champion: Champion | None = None
    challenger: Challenger | None = None
    former: tuple[Champion, ...] = ()

    @property
    def comparison(self) -> Comparison | None:
        """What is judged now: the trial, else the watch over the champion; None without either.

        A trial interrupts a watch, which goes on when the trial is withdrawn.
        """
        if self.champion is None:
            return None
        if self.challenger is not None:
            trial = self.challenger
            return _comparison(ComparisonKind.TRIAL, trial.experiment, trial, self.champion)
        if self.former and self.champion.shadow_share:
            watch = f"watch-{self.champion.entry_id}"
            return _comparison(ComparisonKind.WATCH, watch, self.champion, self.former[-1])
        return None

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
        if change.action is LedgerAction.CONFIRM and self.champion:
            champion = replace(self.champion, shadow_share=0.0, label_probability=0.0)
            return replace(self, entry_id=entry.entry_id, champion=champion)
        return self

    def check(self, change: LedgerChange) -> None:
        """Raise InvalidInput for a change that leads nowhere from here; the message says why."""
        _check_share(change)
        _check_shadow(change)
        serves = self.champion is not None and self.champion.model_version == change.model_version
        if change.action is LedgerAction.ROLLBACK:
            self._check_rollback(change, serves=serves)
        elif change.action is LedgerAction.CONFIRM:
            if not serves:
                raise InvalidInput(f"version {change.model_version} is not champion")
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
        champion = replace(
            back,
            entry_id=entry.entry_id,
            since=entry.change.at,
            shadow_share=0.0,
            label_probability=0.0,
        )
        return Rollout(entry.entry_id, champion, None, tuple(former))


CHANGING = (
    LedgerAction.PROMOTE,
    LedgerAction.CHALLENGE,
    LedgerAction.ROLLBACK,
    LedgerAction.CONFIRM,
)


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


def _check_shadow(change: LedgerChange) -> None:
    named = {"shadow_share": change.shadow_share, "label_probability": change.label_probability}
    if all(value is None for value in named.values()):
        return
    if change.action not in (LedgerAction.CHALLENGE, LedgerAction.PROMOTE):
        raise InvalidInput(f"a {change.action} begins no comparison; it takes no shadow_share")
    for name, value in named.items():
        if value is None or not 0 < value <= 1:
            raise InvalidInput(f"{name} of a {change.action} is {value}; it must be in (0, 1]")


def _comparison(
    kind: ComparisonKind, experiment: str, candidate: Champion | Challenger, baseline: Champion
) -> Comparison:
    return Comparison(
        kind,
        experiment,
        candidate,
        baseline,
        candidate.since,
        candidate.shadow_share,
        candidate.label_probability,
    )


def _champion(entry: LedgerEntry) -> Champion:
    change = entry.change
    return Champion(
        entry.entry_id,
        change.model_version,
        change.bundle_digest,
        change.label_space_version,
        change.at,
        change.shadow_share or 0.0,
        change.label_probability or 0.0,
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
        change.shadow_share or 0.0,
        change.label_probability or 0.0,
    )
