"""Bring a database's schema up to date: `python -m ml.stack.migrations regain|airflow`."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from ml.stack.layout import Layout
from ml.stack.service import program
from ml.wiring import endpoints
from ml.wiring.config import Settings, load_settings


def migrate_regain(settings: Settings) -> None:
    """Create or upgrade regain's own tables."""
    from ml.adapters.postgres.engine import migrate

    migrate(endpoints.database_url(settings))


def migrate_airflow(settings: Settings) -> None:
    """Run `airflow db migrate`, which is slow, unless the database is where it would bring it.

    The file `schema` tells at which revision this Airflow's last migration left a database.
    """
    done = Layout.of(settings).airflow / "schema"
    url = endpoints.airflow_database_url(settings)
    found = _revision(url)
    if found is not None and done.exists() and done.read_text() == _stamp(found):
        return
    done.unlink(missing_ok=True)  # one that is cut short has to be run again, at any revision
    subprocess.run([program("airflow"), "db", "migrate"], check=True)
    _write(done, _stamp(_revision(url)))


def _stamp(revision: str | None) -> str:
    return f"airflow {version('apache-airflow-core')} at {revision}"


def _revision(url: str) -> str | None:
    """The revision that Airflow's own table names, asked without its slow import; None: no table.

    Raises ServiceUnavailable when the database does not answer.
    """
    from ml.adapters.postgres.engine import make_engine, transaction

    engine = make_engine(url)
    try:
        with transaction(engine) as connection:
            tables = connection.exec_driver_sql("SELECT to_regclass('alembic_version')")
            if tables.scalar() is None:
                return None
            rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            return rows.scalar()
    finally:
        engine.dispose()


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    if sys.argv[1] == "regain":
        migrate_regain(load_settings())
    else:
        migrate_airflow(load_settings())
