"""The embedded PostgreSQL is found whatever the user's shell says of others."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from ml.adapters.postgres.engine import make_engine, transaction
from ml.wiring import endpoints
from ml.wiring.config import Settings
from tests.embedded import EmbeddedPostgres

pytestmark = pytest.mark.integration


def test_libpqs_variables_lead_nowhere_else(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(str(make_url(postgres.url("postgres")).query["host"]))
    monkeypatch.setattr(endpoints, "socket_folder", lambda _settings: folder)
    elsewhere = {
        "PGHOST": "db.example",
        "PGPORT": "6543",
        "PGUSER": "me",
        "PGDATABASE": "mine",
        "PGSSLMODE": "verify-full",
        "PGOPTIONS": "-c search_path=mine",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    engine = make_engine(endpoints.embedded_database_url(Settings(), "regain_template"))
    with transaction(engine) as connection:
        path = connection.exec_driver_sql("SHOW search_path").scalar()
    engine.dispose()
    assert path == '"$user", public'
