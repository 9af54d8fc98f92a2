"""Waiting for what an alert sets off by itself, and helping where the sweep would."""

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from ml.demo.airflow import DagRun
from ml.demo.backstage import Backstage
from ml.demo.drift_watch import CHECK, RETRAIN, DriftWatch
from ml.demo.stages import Stage, Stages
from ml.domain.drift import Action, AlertRecord
from ml.domain.errors import RegainError
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.alerts import deliver
from tests.unit.tasks.rollouts import at

AS_OF = at(3)


class Airflow:
    """Runs of `retrain_on_drift` that end, one look after they began, as told."""

    def __init__(self, services: FakeServices, *, by_event: bool, failures: int = 0) -> None:
        self.triggered: list[str] = []
        self.unpaused: list[str] = []
        self._services = services
        self._failures = failures
        self._states: dict[str, str] = {}
        if by_event:
            self._states["asset_triggered"] = "running"

    def wait_for_dag(self, dag_id: str) -> None:
        assert dag_id == RETRAIN

    def unpause(self, dag_id: str) -> None:
        self.unpaused.append(dag_id)

    def trigger(self, dag_id: str, *, as_of: datetime, run_id: str) -> None:
        assert dag_id == RETRAIN
        self.triggered.append(run_id)
        self._states[run_id] = "running"

    def runs(self, dag_id: str) -> dict[str, str]:
        """What is running ends, and is told as it was before."""
        before = dict(self._states)
        for run_id, state in before.items():
            if state == "running":
                self._end(run_id)
        return before

    def run(self, dag_id: str, run_id: str) -> DagRun:
        return DagRun(
            dag_id, run_id, "running", "http://airflow", {"retrain.train_text": "running"}
        )

    def _end(self, run_id: str) -> None:
        alerts = self._services.alerts
        alert = alerts.claim(Action.RETRAIN, claimant=run_id, lease_seconds=60, max_attempts=3)
        assert alert is not None
        succeeded = self._failures == 0
        self._failures -= not succeeded
        alerts.settle(alert.alert_id, claimant=run_id, succeeded=succeeded, detail="as told")
        self._states[run_id] = "success" if succeeded else "failed"


class Stand:
    """A backstage without services; playing `check_drift` raises an alert."""

    def __init__(self, tmp_path: Path, *, by_event: bool = True, failures: int = 0) -> None:
        self.services = FakeServices(Settings(state=tmp_path))
        self.settings = self.services.settings
        self.stages = Stages(Console(file=io.StringIO()), lambda _: None)
        self.airflow = Airflow(self.services, by_event=by_event, failures=failures)

    def patiently(self, ask: Callable[[], Any]) -> Any:
        return ask()

    def play(self, dag_id: str, run_id: str, as_of: datetime, stage: Stage) -> None:
        assert (dag_id, as_of) == (CHECK, AS_OF)
        deliver(self.services, "alert-1", hours=3)
        deliver(self.services, "alert-2", hours=3, action=Action.INVESTIGATE)


def watch(stand: Stand) -> DriftWatch:
    return DriftWatch(cast(Backstage, stand), hint_seconds=0.0, poll_seconds=0.0)


def settled(stand: Stand) -> AlertRecord:
    driver = watch(stand)
    check = driver.check(4, AS_OF)
    driver.settle(4, check.alerts)
    return stand.services.alerts.history()[0]


def test_a_check_tells_what_it_saw_and_lets_the_retraining_start(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    check = watch(stand).check(4, AS_OF)
    assert [record.alert.alert_id for record in check.alerts] == ["alert-1", "alert-2"]
    assert (check.at, check.report_uri) == (AS_OF, "memory://report")
    assert stand.airflow.unpaused == [RETRAIN]


def test_alerts_of_earlier_checks_are_not_told_again(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    deliver(stand.services, "alert-0", hours=1)
    assert "alert-0" not in {r.alert.alert_id for r in watch(stand).check(4, AS_OF).alerts}


def test_a_retraining_that_started_by_itself_is_only_watched(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    assert settled(stand).settled
    assert stand.airflow.triggered == []


def test_a_lost_event_is_made_up_for_as_the_sweep_would(tmp_path: Path) -> None:
    stand = Stand(tmp_path, by_event=False)
    assert settled(stand).settled
    assert len(stand.airflow.triggered) == 1


def test_a_failed_attempt_is_tried_again(tmp_path: Path) -> None:
    stand = Stand(tmp_path, failures=2)
    record = settled(stand)
    assert (record.settled, record.failures) == (True, 2)
    assert len(set(stand.airflow.triggered)) == 2


def test_a_retraining_that_keeps_failing_ends_the_demo(tmp_path: Path) -> None:
    with pytest.raises(RegainError, match="failed 3 times: as told"):
        settled(Stand(tmp_path, failures=3))
