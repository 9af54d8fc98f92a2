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


def pretend_airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, status: int) -> Path:
    """A program in Airflow's place that counts its runs."""
    runs = tmp_path / "runs"
    script = tmp_path / "airflow-stand-in"
    script.write_text(
        f"#!{sys.executable}\nopen({str(runs)!r}, 'a').write('x')\nraise SystemExit({status})\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(migrations, "program", lambda _name: str(script))
    return runs


def test_airflows_schema_is_migrated_once_a_version_and_database(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = pretend_airflow(monkeypatch, tmp_path, status=0)
    migrations.migrate_airflow(settings)
    migrations.migrate_airflow(settings)
    assert runs.read_text() == "x"
    monkeypatch.setattr(migrations, "version", lambda _package: "99.0")
    migrations.migrate_airflow(settings)
    assert runs.read_text() == "xx"


def test_a_failed_migration_is_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = pretend_airflow(monkeypatch, tmp_path, status=1)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            migrations.migrate_airflow(settings)
    assert runs.read_text() == "xx"
