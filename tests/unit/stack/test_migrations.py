import subprocess
import sys
from pathlib import Path

import pytest

from ml.stack import migrations
from ml.stack.layout import Layout
from ml.wiring.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(state=tmp_path)
    Layout.of(made).make(shared_group=None)
    return made


class Airflow:
    """A program in Airflow's place that brings a database to a revision and counts its runs."""

    def __init__(self, folder: Path, *, status: int = 0) -> None:
        self._runs, self._database = folder / "runs", folder / "database"
        self.script = folder / "airflow-stand-in"
        self.script.write_text(
            f"#!{sys.executable}\nopen({str(self._runs)!r}, 'a').write('x')\n"
            f"open({str(self._database)!r}, 'w').write('head')\nraise SystemExit({status})\n"
        )
        self.script.chmod(0o755)

    @property
    def runs(self) -> int:
        return len(self._runs.read_text())

    def revision(self, _url: str) -> str | None:
        return self._database.read_text() if self._database.exists() else None

    def restore(self, revision: str | None) -> None:
        """Another database in the place of the migrated one; None is an empty one."""
        if revision is None:
            self._database.unlink()
        else:
            self._database.write_text(revision)


def pretend(monkeypatch: pytest.MonkeyPatch, airflow: Airflow) -> Airflow:
    monkeypatch.setattr(migrations, "program", lambda _name: str(airflow.script))
    monkeypatch.setattr(migrations, "_revision", airflow.revision)
    return airflow


def test_airflows_schema_is_migrated_once_a_version(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = pretend(monkeypatch, Airflow(tmp_path))
    migrations.migrate_airflow(settings)
    migrations.migrate_airflow(settings)
    assert airflow.runs == 1
    monkeypatch.setattr(migrations, "version", lambda _package: "99.0")
    migrations.migrate_airflow(settings)
    assert airflow.runs == 2


@pytest.mark.parametrize("revision", [None, "an older one"])
def test_a_database_that_was_replaced_is_migrated(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    airflow = pretend(monkeypatch, Airflow(tmp_path))
    migrations.migrate_airflow(settings)
    airflow.restore(revision)
    migrations.migrate_airflow(settings)
    assert airflow.runs == 2


def test_a_failed_migration_is_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever revision it wrote, and though an earlier one came to its end."""
    airflow = pretend(monkeypatch, Airflow(tmp_path))
    migrations.migrate_airflow(settings)
    airflow.restore(None)
    pretend(monkeypatch, Airflow(tmp_path, status=1))
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            migrations.migrate_airflow(settings)
    assert airflow.runs == 3
