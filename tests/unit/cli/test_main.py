import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml.cli import main
from ml.domain.errors import InvalidInput
from ml.wiring.secrets import load_secrets


def commands() -> list[str]:
    return [info.callback.__name__ for info in main.build().registered_commands if info.callback]


@pytest.mark.parametrize("command", commands())
def test_every_commands_help_has_an_example(command: str) -> None:
    callbacks = {info.callback for info in main.build().registered_commands if info.callback}
    (found,) = (callback for callback in callbacks if callback.__name__ == command)
    assert "Example: " in (found.__doc__ or "")


def test_help_lists_the_commands() -> None:
    shown = CliRunner().invoke(main.build(), ["--help"])
    assert shown.exit_code == 0
    assert {"up", "down", "status", "password"} <= set(shown.output.split())


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
