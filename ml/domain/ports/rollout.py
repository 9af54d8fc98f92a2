"""Who serves, and word of changes."""

from contextlib import AbstractContextManager
from typing import Protocol

from ml.domain.decisions import LedgerChange, LedgerEntry
from ml.domain.rollouts import Champion, Rollout


class RolloutLedger(Protocol):
    """The one truth for who serves."""

    def append(self, change: LedgerChange, *, seen: int | None = None) -> LedgerEntry:
        """Record a change, or return the entry already recorded under its key.

        `seen` is the `Rollout.entry_id` that a decision was based on: when the rollout has moved on
        since, Conflict is raised and nothing is written. None: the change does not depend on it.
        Raises InvalidInput for a rollback to nowhere, or a challenge without champion or share.
        """
        ...

    def rollout(self) -> Rollout:
        """Who serves now."""
        ...

    def champion(self) -> Champion | None: ...

    def history(self) -> list[LedgerEntry]:
        """All entries, oldest first."""
        ...

    def showing(self) -> AbstractContextManager[None]:
        """The turn to show the ledger in the registry: one process at a time has it.

        It ends with the process that has it. Raises ServiceUnavailable when it does not come.
        """
        ...


class LedgerNews(Protocol):
    """Word of new ledger entries, faster than asking; a hint, so nothing is lost without it."""

    def wait(self, seconds: float) -> None:
        """Return soon after an entry was appended, after `seconds` at the latest; never raises."""
        ...

    def close(self) -> None: ...
