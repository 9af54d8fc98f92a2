"""The outbox of alerts: each is leased to one claimant at a time until an attempt succeeds.

Attempts and their ends are appended; only the lease of the newest attempt changes. So an attempt
without an end whose lease is gone or has run out has failed.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from ml.adapters.postgres.checks import checked_text, numbers_of, storable
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.rows import insert_new
from ml.adapters.postgres.tables import alert_attempts, alert_leases, alert_settlements, alerts
from ml.domain.drift import Action, Alert, AlertRecord, Attempt
from ml.domain.errors import NotFound

_LIVE = alert_leases.c.leased_until > func.clock_timestamp()
_WORKED_ON = exists().where(alert_leases.c.alert_id == alerts.c.alert_id, _LIVE)
_SUCCEEDED = exists().where(
    alert_settlements.c.alert_id == alerts.c.alert_id, alert_settlements.c.succeeded
)
_OLDEST_FIRST = (alerts.c.at, alerts.c.alert_id)


def _of_attempt(table: Any) -> ColumnElement[bool]:
    return and_(
        table.c.alert_id == alert_attempts.c.alert_id, table.c.number == alert_attempts.c.number
    )


class PostgresAlertOutbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, alerts: Sequence[Alert]) -> None:
        """Raise alerts in one transaction; one that was raised before stays as it is."""
        with transaction(self._engine) as connection:
            raise_alerts(connection, alerts)

    def claim(
        self, action: Action, *, claimant: str, lease_seconds: float, max_attempts: int
    ) -> Alert | None:
        """Lease the oldest alert of this action that nobody works on; None when there is none.

        Claimants take turns here. Leases end by the database's clock.
        """
        checked_text("claimant", claimant)
        with transaction(self._engine) as connection:
            lock(connection, "alerts")
            if connection.scalar(_has_settled(claimant)):
                return None
            row = connection.execute(_held(action, claimant)).first()
            if row is None:
                row = connection.execute(_oldest_open(action, max_attempts)).first()
                if row is None:
                    return None
                attempt = {"alert_id": row.alert_id, "number": row.number, "claimant": claimant}
                insert_new(connection, alert_attempts, [attempt])
            _lease(connection, row.alert_id, row.number, lease_seconds)
            return _alert(row)

    def settle(
        self,
        alert_id: str,
        *,
        claimant: str,
        succeeded: bool,
        detail: str,
        raises: Sequence[Alert] = (),
    ) -> bool:
        """End a claimant's attempt, and raise further alerts, in one transaction.

        Only the newest attempt of an alert can be ended, and once, so one attempt at most
        succeeds: none begins after a success.
        """
        checked_text("claimant", claimant)
        with transaction(self._engine) as connection:
            lock(connection, "alerts")
            attempts = _newest_attempts(checked_text("alert_id", alert_id), claimant)
            own, newest = connection.execute(attempts).one()
            if own is None:
                raise NotFound(f"{claimant!r} never claimed alert {alert_id!r}")
            end = {"alert_id": alert_id, "number": own, "succeeded": succeeded, "detail": detail}
            if own != newest or not insert_new(connection, alert_settlements, [end]):
                return False
            connection.execute(alert_leases.delete().where(alert_leases.c.alert_id == alert_id))
            raise_alerts(connection, raises)
            return True

    def history(self) -> list[AlertRecord]:
        """All alerts with their attempts, oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_history()).all()
        return [
            AlertRecord(alert, tuple(_attempt(row) for row in tried if row.claimant is not None))
            for alert, tried in groupby(rows, key=_alert)
        ]


def raise_alerts(connection: Connection, raised: Sequence[Alert]) -> None:
    """Put alerts into the outbox in the caller's transaction; a known one stays as it is."""
    insert_new(connection, alerts, map(_row, raised))


def _has_settled(claimant: str) -> Select[Any]:
    ended = exists().where(_of_attempt(alert_settlements), alert_attempts.c.claimant == claimant)
    return select(ended)


def _held(action: Action, claimant: str) -> Select[Any]:
    """The alert that this claimant works on, with the number of its attempt."""
    return (
        select(alerts, alert_attempts.c.number)
        .join(alert_attempts, alert_attempts.c.alert_id == alerts.c.alert_id)
        .join(alert_leases, _of_attempt(alert_leases))
        .where(alerts.c.action == action.value, alert_attempts.c.claimant == claimant, _LIVE)
    )


def _oldest_open(action: Action, max_attempts: int) -> Select[Any]:
    """An alert to try, with the number of the next attempt: all those before have failed."""
    own = alert_attempts.c.alert_id == alerts.c.alert_id
    tried = select(func.count()).where(own).scalar_subquery()
    return (
        select(alerts, (tried + 1).label("number"))
        .where(alerts.c.action == action.value, tried < max_attempts, ~_SUCCEEDED, ~_WORKED_ON)
        .order_by(*_OLDEST_FIRST)
        .limit(1)
    )


def _lease(connection: Connection, alert_id: str, number: int, seconds: float) -> None:
    lease = {
        "number": number,
        "leased_until": func.clock_timestamp() + timedelta(seconds=seconds),
    }
    connection.execute(
        insert(alert_leases)
        .values(alert_id=alert_id, **lease)
        .on_conflict_do_update(index_elements=["alert_id"], set_=lease)
    )


def _newest_attempts(alert_id: str, claimant: str) -> Select[Any]:
    """Numbers of the claimant's newest attempt at an alert, and of anybody's."""
    newest = func.max(alert_attempts.c.number)
    return select(
        newest.filter(alert_attempts.c.claimant == claimant).label("own"), newest.label("newest")
    ).where(alert_attempts.c.alert_id == alert_id)


def _history() -> Select[Any]:
    return (
        select(
            alerts,
            alert_attempts.c.claimant,
            alert_settlements.c.succeeded,
            alert_settlements.c.detail,
            _LIVE.label("live"),
        )
        .outerjoin(alert_attempts, alert_attempts.c.alert_id == alerts.c.alert_id)
        .outerjoin(alert_settlements, _of_attempt(alert_settlements))
        .outerjoin(alert_leases, _of_attempt(alert_leases))
        .order_by(*_OLDEST_FIRST, alert_attempts.c.number)
    )


def _attempt(row: Any) -> Attempt:
    if row.succeeded is not None:
        return Attempt(row.claimant, row.succeeded, row.detail)
    if row.live:
        return Attempt(row.claimant, None, "")
    return Attempt(row.claimant, False, "its lease ran out")


def _row(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "action": alert.action.value,
        "model_version": alert.model_version,
        "at": alert.at,
        "window_start": alert.window_start,
        "reason": alert.reason,
        "numbers": storable(alert.numbers),
    }


def _alert(row: Any) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        action=Action(row.action),
        model_version=row.model_version,
        at=row.at,
        window_start=row.window_start,
        reason=row.reason,
        numbers=numbers_of(row.numbers),
    )
