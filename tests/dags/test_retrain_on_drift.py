"""Runs of retrain_on_drift by Airflow itself, over tasks that do nothing but tell of themselves."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.domain.errors import InvalidInput
from ml.tasks import collect_labels, evaluate, fuse, release, retrain_on_drift, train_text
from ml.tasks import train_image as images

DAGS = Path(__file__).parents[2] / "dags"
AS_OF = "2026-01-01T00:00:00+00:00"

pytestmark = [
    pytest.mark.dags,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Airflow's own deprecations are not ours
]


@pytest.fixture(scope="module", autouse=True)
def _airflow_database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the tasks were called with; every one of them succeeds."""
    calls: list[tuple[str, Any]] = []

    def tells(name: str, result: object) -> Callable[..., object]:
        def task(*values: object, **named: object) -> object:
            calls.append((name, named))
            return result

        return task

    for module, name, result in (
        (retrain_on_drift, "claim", AS_OF),
        (collect_labels, "collect_labels", "snapshot"),
        (train_text, "train_text", "text"),
        (images, "train_image", "image"),
        (fuse, "fuse", "bundle"),
        (evaluate, "evaluate", "evaluation"),
        (evaluate, "register", 3),
        (release, "gate", True),
        (release, "release", "challenge"),
        (retrain_on_drift, "settle_success", True),
        (retrain_on_drift, "settle_failure", True),
    ):
        monkeypatch.setattr(module, name, tells(name, result))
    return calls


def run() -> tuple[str, dict[str, tuple[str | None, int]]]:
    """One run of the DAG: how it ended, and each task's state and number of tries."""
    from airflow.dag_processing.dagbag import DagBag

    dag_run = DagBag(str(DAGS)).dags["retrain_on_drift"].test()
    tasks = {each.task_id: (each.state, each.try_number) for each in dag_run.get_task_instances()}
    return dag_run.state, tasks


def test_a_retraining_speaks_of_the_alerts_time_and_settles_it(
    told: list[tuple[str, Any]],
) -> None:
    state, tasks = run()
    assert state == "success"
    assert tasks["settle_failure"][0] == "skipped"
    calls = dict(told)
    names = {calls[name]["run"] for name in ("claim", "release", "settle_success")}
    assert len(names) == 1
    assert names.pop().startswith("retrain_on_drift:")
    assert calls["collect_labels"]["as_of"] == calls["release"]["as_of"] == AS_OF
    assert calls["settle_success"]["outcome"] == "challenge"
    assert "settle_failure" not in calls


def test_a_failed_retraining_is_settled_as_such_and_the_run_has_failed(
    told: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_snapshot: str) -> str:
        raise InvalidInput("no class has enough rows")

    monkeypatch.setattr(train_text, "train_text", broken)
    state, tasks = run()
    assert state == "failed"
    assert tasks["retrain.train_text"] == ("failed", 1), "what no retry can mend is not retried"
    assert tasks["settle_success"][0] == "upstream_failed"
    assert tasks["settle_failure"][0] == "success"
    calls = dict(told)
    assert calls["settle_failure"]["run"] == calls["claim"]["run"]
    assert "settle_success" not in calls


def test_a_run_that_finds_no_alert_does_nothing(
    told: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain_on_drift, "claim", lambda *, run: None)
    state, tasks = run()
    assert state == "success"
    assert {name for name, (end, _) in tasks.items() if end != "skipped"} == {"claim"}
    assert told == []
