"""The rollout ledger: who serves, since when, why. An insert also notifies `regain_ledger`."""

import math
from typing import Any

from sqlalchemy import Engine, select

from ml.adapters.postgres.checks import checked_text, checked_time
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.tables import rollout_ledger
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.rollouts import Champion


class PostgresRolloutLedger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, change: LedgerChange) -> LedgerEntry:
        """Record a change, or return the entry already recorded under its key.

        Writers take turns, so `entry_id` grows in the order in which entries become visible.
        """
        row = _row(change)
        recorded = select(rollout_ledger).where(rollout_ledger.c.key == change.key)
        with transaction(self._engine) as connection:
            lock(connection, "rollout_ledger")
            known = connection.execute(recorded).first()
            if known is not None:
                return _entry(known)
            insert = rollout_ledger.insert().values(row).returning(*rollout_ledger.c)
            return _entry(connection.execute(insert).one())

    def champion(self) -> Champion | None:
        """The model of the newest promotion."""
        columns = rollout_ledger.c
        query = (
            select(rollout_ledger)
            .where(columns.action == LedgerAction.PROMOTE.value)
            .order_by(columns.entry_id.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Champion(
            entry_id=row.entry_id,
            model_version=row.model_version,
            bundle_digest=row.bundle_digest,
            label_space_version=row.label_space_version,
            since=row.at,
        )

    def history(self) -> list[LedgerEntry]:
        """All entries, oldest first."""
        query = select(rollout_ledger).order_by(rollout_ledger.c.entry_id)
        with transaction(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query)]


def _row(change: LedgerChange) -> dict[str, Any]:
    return {
        "key": checked_text("key", change.key),
        "action": change.action.value,
        "model_version": change.model_version,
        "bundle_digest": checked_text("bundle_digest", change.bundle_digest),
        "label_space_version": change.label_space_version,
        "reason": checked_text("reason", change.reason),
        "actor": checked_text("actor", change.actor),
        "at": checked_time("at", change.at),
        "evidence": {
            checked_text("evidence", name): _storable(value)
            for name, value in change.evidence.items()
        },
    }


def _storable(value: float | str) -> float | str:
    """JSON has no NaN and no infinity: they are kept as text rather than lose the entry."""
    if isinstance(value, str):
        return checked_text("evidence", value)
    return value if math.isfinite(value) else str(value)


def _entry(row: Any) -> LedgerEntry:
    change = LedgerChange(
        key=row.key,
        action=LedgerAction(row.action),
        model_version=row.model_version,
        bundle_digest=row.bundle_digest,
        label_space_version=row.label_space_version,
        reason=row.reason,
        actor=row.actor,
        at=row.at,
        evidence=row.evidence,
    )
    return LedgerEntry(row.entry_id, change)
