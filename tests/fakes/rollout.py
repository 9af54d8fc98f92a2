"""The rollout ledger in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from ml.adapters.postgres.checks import checked_row, storable
from ml.domain.decisions import LedgerChange, LedgerEntry
from ml.domain.errors import Conflict
from ml.domain.rollouts import Champion, Rollout, rollout_of
from tests.fakes.database import InMemoryDatabase


class InMemoryRolloutLedger:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def append(self, change: LedgerChange, *, seen: int | None = None) -> LedgerEntry:
        with self._database.transaction():
            entries = self._database.ledger
            change = replace(change, evidence=storable(change.evidence))
            checked_row(vars(change))
            if change.key not in entries:
                rollout = self.rollout()
                if seen is not None and seen != rollout.entry_id:
                    raise Conflict(f"the rollout is at entry {rollout.entry_id}, not at {seen}")
                rollout.check(change)
                entries[change.key] = LedgerEntry(len(entries) + 1, change, datetime.now(UTC))
                self._database.news.notify_all()
            return entries[change.key]

    def rollout(self) -> Rollout:
        return rollout_of(self.history())

    def champion(self) -> Champion | None:
        return self.rollout().champion

    def history(self) -> list[LedgerEntry]:
        with self._database.transaction():
            return sorted(self._database.ledger.values(), key=lambda entry: entry.entry_id)

    @contextmanager
    def showing(self) -> Iterator[None]:
        with self._database.showing:
            with self._database.transaction():
                pass  # a turn is taken in the database
            yield


class InMemoryLedgerNews:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()
        self._heard = 0
        self._closed = False

    def wait(self, seconds: float) -> None:
        with self._database.news:
            self._database.news.wait_for(self._has_news, seconds)
            self._heard = len(self._database.ledger)

    def _has_news(self) -> bool:
        return self._closed or len(self._database.ledger) > self._heard

    def close(self) -> None:
        with self._database.news:
            self._closed = True
            self._database.news.notify_all()
