"""The rollout ledger: who serves, since when, why. An insert also notifies `regain_ledger`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from ml.adapters.postgres.checks import checked_row, storable
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.tables import rollout_ledger
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import Conflict
from ml.domain.rollouts import CHANGING, Champion, Rollout, rollout_of

_TURN_SECONDS = 60  # MLflow is given up sooner by whoever has the turn


class PostgresRolloutLedger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, change: LedgerChange, *, seen: int | None = None) -> LedgerEntry:
        """Record a change, or return the entry already recorded under its key.

        Raises Conflict when the rollout is no longer at the entry `seen`, InvalidInput for a
        change that leads nowhere. Writers take turns: nobody changes the rollout between the look
        and the entry, and `entry_id` grows in the order in which entries become visible.
        """
        row = _row(change)
        recorded = select(rollout_ledger).where(rollout_ledger.c.key == change.key)
        with transaction(self._engine) as connection:
            lock(connection, "rollout_ledger")
            known = connection.execute(recorded).first()
            if known is not None:
                return _entry(known)
            rollout = _rollout(connection)
            if seen is not None and seen != rollout.entry_id:
                raise Conflict(
                    f"the rollout moved from entry {seen} to {rollout.entry_id}; decide anew"
                )
            rollout.check(change)
            insert = rollout_ledger.insert().values(row).returning(*rollout_ledger.c)
            return _entry(connection.execute(insert).one())

    def rollout(self) -> Rollout:
        """Who serves now."""
        with transaction(self._engine) as connection:
            return _rollout(connection)

    def champion(self) -> Champion | None:
        """Who serves now, any trial aside."""
        return self.rollout().champion

    def history(self) -> list[LedgerEntry]:
        """All entries, oldest first."""
        query = select(rollout_ledger).order_by(rollout_ledger.c.entry_id)
        with transaction(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query)]

    @contextmanager
    def showing(self) -> Iterator[None]:
        """The turn to show the ledger in the registry: one process at a time has it.

        The lock is of a connection, so it ends with the process. Writers do not wait for it.
        """
        with transaction(self._engine) as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_TURN_SECONDS}s'"))
            lock(connection, "registry_aliases")
            yield


def _rollout(connection: Connection) -> Rollout:
    columns = rollout_ledger.c
    changes = select(rollout_ledger).where(columns.action.in_(CHANGING)).order_by(columns.entry_id)
    return rollout_of(map(_entry, connection.execute(changes)))


def _row(change: LedgerChange) -> Mapping[str, Any]:
    row = {
        "key": change.key,
        "action": change.action.value,
        "model_version": change.model_version,
        "bundle_digest": change.bundle_digest,
        "label_space_version": change.label_space_version,
        "reason": change.reason,
        "actor": change.actor,
        "at": change.at,
        "evidence": storable(change.evidence),
        "share": change.share,
        "shadow_share": change.shadow_share,
        "label_probability": change.label_probability,
    }
    return checked_row(row)


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
        share=row.share,
        shadow_share=row.shadow_share,
        label_probability=row.label_probability,
    )
    return LedgerEntry(row.entry_id, change, row.recorded_at)
