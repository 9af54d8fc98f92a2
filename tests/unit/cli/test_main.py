import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from ml.cli import main
from ml.domain.errors import InvalidInput
from ml.wiring.secrets import load_secrets


def helps(group: TyperGroup, path: str = "") -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        yield f"{path} {name}".strip(), command.help or ""
        if isinstance(command, TyperGroup):
            yield from helps(command, name)


def test_every_command_has_help_with_an_example() -> None:
    program = get_command(main.build())
    assert isinstance(program, TyperGroup)
    found = dict(helps(program))
    assert {"up", "down", "status", "password"} <= set(found)
    assert [name for name, text in found.items() if "Example:" not in text] == []


def test_the_password_is_that_of_the_state_folder(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main.build(), ["--state", str(tmp_path), "password"])
    assert shown.output.strip() == load_secrets(tmp_path).airflow_password


def test_down_without_a_stack_has_nothing_to_do(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main.build(), ["--state", str(tmp_path / "none"), "down"])
    assert (shown.exit_code, shown.output) == (0, "stopped\n")
    assert not (tmp_path / "none").exists()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["regain", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.run()
    return caught.value.code


def test_an_expected_failure_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGAIN_AIRFLOW_PORT", "many")
    assert run(monkeypatch, "password") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("regain: settings are not valid: REGAIN_AIRFLOW_PORT")
    assert shown.err.count("\n") == 1
    assert InvalidInput.__name__ not in shown.err


def test_a_wrong_command_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "fly") == 2


@pytest.mark.parametrize(
    ("variable", "url", "remedy"),
    [
        ("DATABASE_URL", "mysql://me:open-sesame@db/regain", "postgresql://"),
        ("DATABASE_URL", "postgresql+asyncpg://me:open-sesame@db/regain", "postgresql://"),
        ("DATABASE_URL", "postgresql://me:open-sesame@db", "host:5432/database"),
        ("DATABASE_URL", "postgresql://me:open-sesame/x@db/regain", "%xx"),
        ("AIRFLOW_DATABASE_URL", "open-sesame", "postgresql://"),
        ("MLFLOW_DATABASE_URL", "postgresql://me:open-sesame@db:70000/mlflow", "postgresql://"),
        ("REDIS_URL", "http://:open-sesame@cache", "redis://"),
        ("REDIS_URL", "redis:open-sesame", "redis://"),
        ("OBJECTS_URL", "file://relative/open-sesame", "file:///"),
        ("OBJECTS_URL", "/plain/open-sesame", "file:///"),
        ("OBJECTS_URL", "s3:///open-sesame", "s3://bucket"),
        ("S3_ENDPOINT_URL", "minio:9000/open-sesame", "https://"),
        ("MLFLOW_URL", "https://me:open-sesame@[mlflow", "https://"),
        ("AIRFLOW_URL", "http://me:open-sesame@air flow:8080", "https://"),
        ("SERVING_URL", "ftp://me:open-sesame@serving", "https://"),
    ],
)
def test_a_url_that_is_not_understood_is_one_line_without_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    url: str,
    remedy: str,
) -> None:
    monkeypatch.setenv(f"REGAIN_{variable}", url)
    assert run(monkeypatch, "password") == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"regain: settings are not valid: REGAIN_{variable}: ")
    assert remedy in shown
    assert "sesame" not in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgresql+psycopg2://me:a%2Fb@db.example:5432/regain?sslmode=require"),
        ("DATABASE_URL", "postgresql:///regain?host=/run/postgresql"),
        ("REDIS_URL", "redis://cache:6379/0"),
        ("REDIS_URL", "rediss://:secret@cache"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("OBJECTS_URL", "file:///srv/my%20objects"),
        ("OBJECTS_URL", "s3://bucket"),
        ("MLFLOW_URL", "https://me:secret@mlflow.example/prefix/"),
    ],
)
def test_urls_of_real_services_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, url: str
) -> None:
    monkeypatch.setenv(f"REGAIN_{variable}", url)
    assert run(monkeypatch, "--state", str(tmp_path), "password") == 0


@pytest.mark.parametrize(("below", "said"), [("", "not a folder"), ("below/it", "Not a directory")])
def test_a_state_that_is_a_file_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    below: str,
    said: str,
) -> None:
    (tmp_path / "file").touch()
    assert run(monkeypatch, "--state", str(tmp_path / "file" / below), "password") == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("regain: ")
    assert shown.count("\n") == 1
