"""The rollout ledger in memory."""

import math
from dataclasses import replace

from ml.adapters.postgres.checks import checked_row
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.rollouts import Champion
from tests.fakes.database import InMemoryDatabase


class InMemoryRolloutLedger:
    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def append(self, change: LedgerChange) -> LedgerEntry:
        with self._database.transaction():
            entries = self._database.ledger
            evidence = {name: _storable(value) for name, value in change.evidence.items()}
            checked_row(vars(change))
            checked_row({"evidence": [*evidence, *evidence.values()]})
            entry = LedgerEntry(len(entries) + 1, replace(change, evidence=evidence))
            return entries.setdefault(change.key, entry)

    def champion(self) -> Champion | None:
        promoted = [
            entry for entry in self.history() if entry.change.action is LedgerAction.PROMOTE
        ]
        if not promoted:
            return None
        change = promoted[-1].change
        return Champion(
            promoted[-1].entry_id,
            change.model_version,
            change.bundle_digest,
            change.label_space_version,
            change.at,
        )

    def history(self) -> list[LedgerEntry]:
        with self._database.transaction():
            return sorted(self._database.ledger.values(), key=lambda entry: entry.entry_id)


def _storable(value: float | str) -> float | str:
    """JSON has no NaN and no infinity: they are kept as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
