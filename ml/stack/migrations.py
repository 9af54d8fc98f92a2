"""Bring a database's schema up to date: `python -m ml.stack.migrations regain|airflow`."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from ml.domain.digests import digest_of
from ml.stack.layout import Layout
from ml.stack.service import program
from ml.wiring import endpoints
from ml.wiring.config import Settings, load_settings


def migrate_regain(settings: Settings) -> None:
    """Create or upgrade regain's own tables."""
    from ml.adapters.postgres.engine import migrate

    migrate(endpoints.database_url(settings))


def migrate_airflow(settings: Settings) -> None:
    """Run `airflow db migrate`, which is slow, unless this version has done so on this database."""
    done = Layout.of(settings).airflow / "schema"
    wanted = digest_of(version("apache-airflow-core"), endpoints.airflow_database_url(settings))
    if done.exists() and done.read_text() == wanted:
        return
    subprocess.run([program("airflow"), "db", "migrate"], check=True)
    _write(done, wanted)


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    if sys.argv[1] == "regain":
        migrate_regain(load_settings())
    else:
        migrate_airflow(load_settings())
