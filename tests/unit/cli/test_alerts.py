"""Alerts and what was tried about them, on the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ml.cli import alerts
from ml.domain.drift import Action
from ml.tasks.retrain_on_drift import claim, settle_failure, settle_success
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.alerts import deliver
from tests.unit.tasks.rollouts import NOON

Regain = Callable[..., Result]


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    return FakeServices(Settings(state=tmp_path, alert_max_attempts=1))


@pytest.fixture
def regain(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Regain:
    """Runs `regain alerts` with these arguments on the services of the test."""
    monkeypatch.setattr(alerts, "Services", lambda _settings: services)
    app = typer.Typer()
    alerts.register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), obj=services.settings, catch_exceptions=False)

    return run


def test_no_alert_says_who_looks(regain: Regain) -> None:
    assert "check_drift" in regain().output


def test_each_alert_has_its_state_and_its_attempts(services: FakeServices, regain: Regain) -> None:
    for number in range(4):
        deliver(services, f"drift-{number}", hours=number)
    deliver(services, "drift-4", action=Action.INVESTIGATE, hours=4)
    for run in ("run-0", "run-1", "run-2"):
        claim(run=run, services=services)
    settle_success(run="run-0", outcome="challenge", services=services)
    settle_failure(run="run-1", services=services)
    lines = regain().output.splitlines()
    assert lines[0].split() == ["when", "asks", "for", "version", "state", "why"]
    rows = [re.split(r" {2,}", line) for line in lines if line.startswith(f"{NOON:%Y-%m-%d}")]
    assert sorted((asks, state) for _, asks, _, state, *_ in rows) == [
        ("investigate", "for people"),
        ("repair", "for people"),
        ("retrain", "given up"),
        ("retrain", "retraining"),
        ("retrain", "settled"),
        ("retrain", "waiting"),
    ]
    assert any("succeeded" in line and "retrained: challenge" in line for line in lines)
    assert any("failed" in line and "run-1" in line for line in lines)
    assert any("runs" in line and "run-2" in line for line in lines)


def test_machines_get_all_of_it(services: FakeServices, regain: Regain) -> None:
    deliver(services, "drift-1")
    claim(run="run-1", services=services)
    (alert,) = json.loads(regain("--json").output)
    assert alert["alert_id"] == "drift-1"
    assert alert["at"] == NOON.isoformat()
    assert alert["settled"] is False
    assert alert["attempts"] == [{"claimant": "run-1", "succeeded": None, "detail": ""}]
