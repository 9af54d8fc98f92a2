"""The drift checks that were made."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from ml.adapters.postgres.alerts import raise_alerts
from ml.adapters.postgres.checks import checked_text, numbers_of, storable
from ml.adapters.postgres.engine import transaction
from ml.adapters.postgres.rows import insert_new
from ml.adapters.postgres.tables import drift_checks
from ml.domain.drift import Alert, DriftCheck, Finding, Monitor, Window
from ml.domain.errors import NotFound


class PostgresDriftLog:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, check: DriftCheck, alerts: Sequence[Alert] = ()) -> None:
        """Store a check and put its alerts into the outbox, in one transaction; once each."""
        with transaction(self._engine) as connection:
            insert_new(connection, drift_checks, [_row(check)])
            raise_alerts(connection, alerts)

    def get(self, check_id: str) -> DriftCheck:
        """One check; raises NotFound."""
        wanted = drift_checks.c.check_id == checked_text("check_id", check_id)
        with transaction(self._engine) as connection:
            row = connection.execute(select(drift_checks).where(wanted)).first()
        if row is None:
            raise NotFound(f"drift check {check_id!r} does not exist")
        return _check(row)

    def recent(self, *, limit: int, model_version: int | None = None) -> list[DriftCheck]:
        """The newest checks (of a version) by `as_of`, newest first."""
        columns = drift_checks.c
        query = select(drift_checks).order_by(columns.as_of.desc(), columns.check_id.desc())
        if model_version is not None:
            query = query.where(columns.model_version == model_version)
        with transaction(self._engine) as connection:
            return [_check(row) for row in connection.execute(query.limit(limit))]


def _row(check: DriftCheck) -> dict[str, Any]:
    return {
        "check_id": check.check_id,
        "model_version": check.model_version,
        "as_of": check.as_of,
        "reference_start": check.reference.start,
        "reference_end": check.reference.end,
        "reference_products": check.reference.products,
        "current_start": check.current.start,
        "current_end": check.current.end,
        "current_products": check.current.products,
        "findings": [
            {
                "monitor": finding.monitor.value,
                "drifted": finding.drifted,
                "reason": finding.reason,
                "numbers": storable(finding.numbers),
            }
            for finding in check.findings
        ],
        "report_uri": check.report_uri,
    }


def _check(row: Any) -> DriftCheck:
    return DriftCheck(
        check_id=row.check_id,
        model_version=row.model_version,
        as_of=row.as_of,
        reference=Window(row.reference_start, row.reference_end, row.reference_products),
        current=Window(row.current_start, row.current_end, row.current_products),
        findings=tuple(_finding(**finding) for finding in row.findings),
        report_uri=row.report_uri,
    )


def _finding(*, monitor: str, numbers: dict[str, Any], drifted: bool, reason: str) -> Finding:
    return Finding(Monitor(monitor), drifted, reason, numbers_of(numbers))
