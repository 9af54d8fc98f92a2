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
