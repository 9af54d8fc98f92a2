"""The fire drill on the command line, over a drill that is stood in for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ml.cli import drill
from ml.domain.errors import DrillFailed
from ml.tasks.drill_matrix import MATRIX, DrillResult, held, told
from ml.wiring.config import Settings
from tests.fakes import FakeServices

Regain = Callable[..., Result]


def result(*, passing: str | None = None) -> DrillResult:
    """A drill in which all is as published, but that the gate lets one model pass."""
    cells = [
        held(
            model,
            guard,
            stopped=getattr(stops, guard) and (model, guard) != (passing, "gate"),
            reason="[the numbers]",
            doubt=None,
        )
        for model, stops in MATRIX.items()
        for guard in stops._fields
    ]
    return DrillResult(
        model_version=3,
        snapshot="5" * 64,
        products=1_234,
        cells=cells,
        alert="alert" if passing else None,
        summary=told(cells),
    )


@pytest.fixture
def regain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Regain:
    """Runs `regain fire-drill` with these arguments; the drill's result is what the test says."""
    services = FakeServices(Settings(state=tmp_path))
    monkeypatch.setattr(drill, "Services", lambda _settings: services)
    app = typer.Typer()
    drill.register(app)

    def run(shown: DrillResult, *words: str) -> Result:
        monkeypatch.setattr("ml.tasks.fire_drill.fire_drill", lambda **_: shown)
        return CliRunner().invoke(app, list(words), obj=services.settings)

    return run


def test_every_cell_is_a_line(regain: Regain) -> None:
    shown = regain(result())
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    for model, stops in MATRIX.items():
        gate, judge = (line for line in lines if line.startswith(f"{model} "))
        assert ("the gate" in gate, "the judge" in judge) == (True, True)
        assert gate.count("stop") == 2 * stops.gate
        assert judge.count("stop") == 2 * stops.judge
        assert "[the numbers]" in gate
    assert "1,234 recorded products" in shown.output


def test_a_drill_that_failed_is_shown_and_then_an_error(regain: Regain) -> None:
    shown = regain(result(passing="erased class"))
    (failed,) = (line for line in shown.output.splitlines() if "FAILED" in line)
    assert failed.startswith("erased class")
    assert isinstance(shown.exception, DrillFailed)
    assert "the gate let pass: erased class" in str(shown.exception)


def test_machines_get_all_of_it(regain: Regain) -> None:
    assert json.loads(regain(result(), "--json").output) == result()


def test_without_a_champion_there_is_a_sentence(regain: Regain, tmp_path: Path) -> None:
    from ml.tasks.fire_drill import fire_drill

    nothing = fire_drill(
        as_of="2026-01-01T00:00:00+00:00", services=FakeServices(Settings(state=tmp_path))
    )
    shown = regain(nothing)
    assert (shown.exit_code, shown.output) == (0, f"{nothing['summary']}\n")
