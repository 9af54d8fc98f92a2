"""The whole loop through the real Airflow, MLflow, PostgreSQL and Redis, under `kill -9`."""

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from ml.demo.airflow import AirflowClient
from ml.demo.report import DemoReport
from ml.demo.run import DemoOptions, run_demo
from ml.domain.errors import NotFound
from ml.domain.labels import LabelSource
from ml.stack import control
from ml.training.snapshot import read_snapshot
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets
from tests.e2e.saboteur import Saboteur

OPTIONS = DemoOptions(bootstrap=400, first=120, later=60, keep=True)
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # services' clients warn of their own affairs
]


@dataclass(frozen=True)
class Played:
    """A loop that was played to its end, its services still up."""

    report: DemoReport
    saboteur: Saboteur
    settings: Settings
    services: Services


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """Everything is killed: while products arrive, and while a retraining runs."""
    state = Path(tempfile.mkdtemp(prefix="regain-e2e-"))
    saboteur = Saboteur()
    demo: list[Settings] = []

    def sabotage(stage: str, settings: Settings) -> None:
        demo[:] = [settings]
        if stage == "first stretch":
            saboteur.strike(lambda: _strike_serving(saboteur, settings))
        if stage == "retraining":
            saboteur.strike(lambda: _strike_training(saboteur, settings))

    try:
        report = run_demo(_settings(state), OPTIONS, Console(), on_stage=sabotage)
        saboteur.finish()
        yield Played(report, saboteur, demo[0], Services(demo[0]))
    finally:
        for settings in demo:
            control.down(settings)
        shutil.rmtree(state)


def _settings(state: Path) -> Settings:
    mlflow, airflow, serving = (_free_port() for _ in range(3))
    return Settings(
        state=state,
        mlflow_port=mlflow,
        airflow_port=airflow,
        serving_port=serving,
        scratch_epochs=4,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((endpoints.LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _strike_serving(saboteur: Saboteur, settings: Settings) -> None:
    saboteur.kill_worker(settings)
    saboteur.kill_service(settings, "redis")
    saboteur.kill_service(settings, "postgres")


def _strike_training(saboteur: Saboteur, settings: Settings) -> None:
    with AirflowClient(
        endpoints.airflow_url(settings),
        user=settings.airflow_user,
        password=load_secrets(settings.state).airflow_password,
    ) as airflow:

        def is_training() -> bool:
            tasks = airflow.run("retrain_monthly", "demo-retraining").tasks
            return "running" in (tasks["retrain.train_image"], tasks["retrain.train_text"])

        saboteur.kill_task(settings, is_training)
    time.sleep(3)
    saboteur.kill_service(settings, "airflow-scheduler")
    time.sleep(10)
    saboteur.kill_service(settings, "postgres")
    saboteur.kill_service(settings, "redis")


def test_everything_was_killed_and_the_loop_still_closed(played: Played) -> None:
    assert played.saboteur.errors == []
    assert played.saboteur.killed == [
        "serving worker",
        "redis",
        "postgres",
        "training task",
        "airflow-scheduler",
        "postgres",
        "redis",
    ]
    assert played.report.faults == ()
    assert played.report.worked


def test_no_prediction_is_lost_or_doubled(played: Played) -> None:
    predictions = played.report.predictions
    assert predictions.answered == OPTIONS.first + OPTIONS.later
    assert (predictions.lost, predictions.doubled) == (0, 0)


def test_no_label_is_lost_or_doubled(played: Played) -> None:
    labels = played.services.labels.read(FAR_FUTURE)
    sources = labels["source"].to_pylist()
    report = played.report.labels
    assert sources.count(LabelSource.IMPORT) == report.imported == OPTIONS.bootstrap
    assert sources.count(LabelSource.REVIEW) == report.reviewed > 0
    reviewed = labels["prediction_id"].drop_null().to_pylist()
    assert len(set(reviewed)) == len(reviewed)


def test_no_version_is_lost_or_doubled(played: Played) -> None:
    history = played.services.ledger.history()
    assert [entry.change.model_version for entry in history] == [1, 2]
    assert [version.version for version in played.report.versions] == [1, 2]
    registry = played.services.registry
    assert registry.get(1).run_id != registry.get(2).run_id
    with pytest.raises(NotFound):
        registry.get(3)


def test_a_version_names_the_label_rows_and_reviewers_it_learnt_from(played: Played) -> None:
    """Version -> frozen snapshot -> label rows: all that were given by then, and no other."""
    services = played.services
    snapshot = services.snapshots.get(services.registry.get(2).tags["regain.snapshot"])
    frozen = read_snapshot(snapshot, services.objects)["label_ids"].combine_chunks().flatten()
    given = services.labels.read(snapshot.as_of)
    assert sorted(frozen.to_pylist()) == sorted(given["label_id"].to_pylist())
    assert any(name.startswith("reviewer-") for name in given["reviewer"].to_pylist())


def test_the_report_is_written(played: Played) -> None:
    assert (played.settings.state / "report.json").stat().st_size > 0


def test_down_leaves_no_process_port_or_lock(played: Played) -> None:
    """Last: it stops what the tests above look at."""
    control.down(played.settings)
    mark = str(played.settings.state)
    assert [process.pid for process in psutil.process_iter() if _is_marked(process, mark)] == []
    for port in (
        played.settings.mlflow_port,
        played.settings.airflow_port,
        played.settings.serving_port,
    ):
        with socket.socket() as probe:
            assert probe.connect_ex((endpoints.LOOPBACK, port)) != 0
    assert not (played.settings.state / "postgres" / "postmaster.pid").exists()
    assert control.down(played.settings) == 0


def _is_marked(process: psutil.Process, mark: str) -> bool:
    """Whether a process was started by this stack, by its environment or its command."""
    try:
        return mark in " ".join([*process.environ().values(), *process.cmdline()])
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return False
