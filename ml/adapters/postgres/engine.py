"""The connection to PostgreSQL: engine, transactions with regain's errors, locks, migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2 import errors as postgres
from sqlalchemy import Connection, Engine, create_engine, func, make_url, select
from sqlalchemy import exc as sql

from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable

MIGRATIONS = Path(__file__).resolve().parents[3] / "infra" / "migrations"

CONNECT_ARGS = {
    "application_name": "regain",
    "options": "-c timezone=UTC",
    "connect_timeout": 3,  # seconds
    # A peer that vanished without a word is noticed within about 15 seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


def make_engine(url: str) -> Engine:
    """A small pool that checks connections before use; nothing connects yet."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    return create_engine(
        parsed,
        connect_args=CONNECT_ARGS,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=8,
        pool_timeout=5,
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; failures of the database come out as regain's errors, in this place only."""
    try:
        with engine.begin() as connection:
            yield connection
    except sql.TimeoutError as error:
        raise ServiceUnavailable("every connection to PostgreSQL is busy; try again") from error
    except sql.DBAPIError as error:
        raise _translated(error) from error


def _translated(error: sql.DBAPIError) -> Exception:
    cause = error.orig
    if isinstance(cause, postgres.ForeignKeyViolation):
        return NotFound(_first_line(cause.diag.message_detail or cause))
    if isinstance(cause, postgres.ProgramLimitExceeded) or isinstance(
        error, sql.IntegrityError | sql.DataError
    ):
        return InvalidInput(_first_line(cause))
    if isinstance(cause, postgres.UndefinedTable):
        return ServiceUnavailable("PostgreSQL has no tables of regain yet; run `regain up`")
    if error.connection_invalidated or isinstance(error, sql.OperationalError | sql.InterfaceError):
        return ServiceUnavailable(
            f"PostgreSQL did not answer ({_first_line(cause)}); see `regain status`"
        )
    return error


def _first_line(message: object) -> str:
    return str(message).strip().partition("\n")[0]


def lock(connection: Connection, name: str) -> None:
    """Wait for, and hold until the transaction ends, the database-wide lock of this name."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"regain.{name}"))))


def migrate(url: str, *, to: str = "head") -> None:
    """Bring the schema up to a revision; safe to repeat, also by two processes at once."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = make_engine(url)
    try:
        with transaction(engine) as connection:
            lock(connection, "migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    finally:
        engine.dispose()
