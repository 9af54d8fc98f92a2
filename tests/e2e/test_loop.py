"""The whole loop through the real Airflow, MLflow, PostgreSQL and Redis, under `kill -9`."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import psutil
import pytest
from rich.console import Console

from ml.demo.airflow import FINISHED, AirflowClient
from ml.demo.report import DemoReport, Tally
from ml.demo.run import PAGE, REPORT, DemoOptions, run_demo
from ml.domain.decisions import LedgerAction
from ml.domain.drift import Action
from ml.domain.errors import NotFound
from ml.domain.labels import LabelSource
from ml.domain.rollouts import ComparisonKind, rollout_of
from ml.stack import control
from ml.training.snapshot import read_snapshot
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.e2e.installation import (
    airflow_of,
    settings_of,
    state_folder,
    wait_until,
)
from tests.e2e.saboteur import Saboteur

OPTIONS = DemoOptions(bootstrap=600, stretch=150, changes_after=1, label_share=0.6, keep=True)
# What models of so few products are worth is chance; here it matters that they are dealt with.
LENIENT = {
    "gate_max_f1_drop": 0.1,
    "gate_max_class_f1_drop": 1.0,
    "judge_margin": 0.15,
    "watch_days": 1.0,
    "cohort_wait_days": 1.5,  # half of the labels are in by then
    "disagreement_capacity_per_day": 1e6,  # people are asked about every disagreement
    "guardrail_max_p95_ms": 1_800,  # everything is killed meanwhile; the fire drill knows 2 s
}
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
    """Everything is killed; the marketplace changes after stretch 1, the trial begins after 2."""
    plans: dict[str, Callable[[Saboteur, Settings], None]] = {
        "stretch 1": _strike_serving,
        "retraining 2": _strike_retraining,
        "stretch 3": _strike_serving,
        "judge 3": _strike_judge,
    }
    saboteur = Saboteur()
    demo: list[Settings] = []

    def sabotage(stage: str, settings: Settings) -> None:
        demo[:] = [settings]
        if stage in plans:
            saboteur.strike(lambda: plans[stage](saboteur, settings))

    with state_folder() as state:
        try:
            settings = settings_of(state, scratch_epochs=4, **LENIENT)
            report = run_demo(settings, OPTIONS, Console(), on_stage=sabotage)
            saboteur.finish()
            yield Played(report, saboteur, demo[0], Services(demo[0]))
        finally:
            for settings in demo:
                control.down(settings)


def _strike_serving(saboteur: Saboteur, settings: Settings) -> None:
    """While products arrive."""
    saboteur.kill_worker(settings)
    saboteur.kill_service(settings, "redis")
    saboteur.kill_service(settings, "postgres")


def _strike_retraining(saboteur: Saboteur, settings: Settings) -> None:
    with airflow_of(settings) as airflow:
        training = ("retrain.train_text", "retrain.train_image")
        saboteur.kill_task(
            settings, lambda: "running" in _states(airflow, "retrain_on_drift", *training)
        )
    time.sleep(3)
    saboteur.kill_service(settings, "airflow-scheduler")
    time.sleep(10)
    saboteur.kill_service(settings, "postgres")


def _strike_judge(saboteur: Saboteur, settings: Settings) -> None:
    with airflow_of(settings) as airflow:
        begun = {"queued", "running"}
        wait_until("the judge", lambda: begun & _states(airflow, "judge_rollout", "judge"))
    saboteur.kill_service(settings, "postgres")


def _states(airflow: AirflowClient, dag_id: str, *tasks: str) -> set[str | None]:
    """The states of tasks in the latest runs of a DAG."""
    runs = [airflow.run(dag_id, run_id) for run_id in airflow.runs(dag_id)]
    return {run.tasks.get(task) for run in runs for task in tasks}


def test_everything_was_killed_and_the_loop_still_closed(played: Played) -> None:
    assert played.saboteur.errors == []
    assert played.saboteur.killed == [
        *("serving worker", "redis", "postgres"),
        *("task", "airflow-scheduler", "postgres"),
        *("serving worker", "redis", "postgres"),
        "postgres",
    ]
    assert played.report.faults == ()
    assert played.report.closed


def test_no_prediction_is_lost_or_doubled(played: Played) -> None:
    report = played.report
    assert report.lost == report.doubled == Tally(predictions=0, labels=0)
    assert report.counts.predictions == sum(each.products for each in report.stretches)
    assert played.services.predictions.count() == report.counts.predictions


def test_no_label_is_lost_or_doubled(played: Played) -> None:
    labels = played.services.labels.read(FAR_FUTURE)
    sources = labels["source"].to_pylist()
    counts = played.report.counts
    assert sources.count(LabelSource.IMPORT) == counts.imported_labels == OPTIONS.bootstrap
    assert sources.count(LabelSource.REVIEW) == counts.review_labels > 0
    votes = [
        (vote["prediction_id"], vote["reviewer"])
        for vote in labels.select(["prediction_id", "reviewer"]).to_pylist()
        if vote["prediction_id"] is not None
    ]
    assert len(set(votes)) == len(votes)


def test_an_alert_has_one_successful_retraining_and_that_one_decision(played: Played) -> None:
    asked = [
        record
        for record in played.services.alerts.history()
        if record.alert.action is Action.RETRAIN
    ]
    succeeded = [
        attempt.claimant for record in asked for attempt in record.attempts if attempt.succeeded
    ]
    assert len(succeeded) == len(asked) > 0
    history = played.services.ledger.history()
    decided = [each.change.key for each in history if each.change.actor == "airflow"]
    assert decided == ["retrain_monthly:demo-first-training", *succeeded]


def test_the_judge_ends_a_comparison_once_and_people_stop_the_sabotage(played: Played) -> None:
    history = [entry.change for entry in played.services.ledger.history()]
    judged = [change for change in history if change.actor == "judge_rollout"]
    assert len(judged) <= sum(name.startswith("judge ") for name in played.report.stage_seconds)
    ends = [change for change in judged if change.action is not LedgerAction.CONTINUE]
    assert len({change.evidence["experiment"] for change in ends}) == len(ends)
    (sabotage,) = [change for change in history if change.actor == "saboteur"]
    (stop,) = [each for each in ends if each.model_version == sabotage.model_version]
    assert (stop.action, stop.evidence["verdict"]) == (LedgerAction.ROLLBACK, "rollback")
    assert float(stop.evidence["losses"]) > float(stop.evidence["wins"])


def test_a_retrained_version_is_promoted_by_its_labels_and_watched(played: Played) -> None:
    """The former champion scores on beside it, and people are asked where the two differ."""
    promoted = next(
        entry.change
        for entry in played.services.ledger.history()
        if entry.change.action is LedgerAction.PROMOTE and entry.change.actor == "judge_rollout"
    )
    assert float(promoted.evidence["wins"]) > float(promoted.evidence["losses"])
    watch = next(
        each
        for each in played.report.comparisons
        if each.kind == ComparisonKind.WATCH and each.version == promoted.model_version
    )
    assert watch.labels > 0
    assert watch.verdict == "confirm"


def test_every_disagreement_is_scored_and_drawn_once(played: Played) -> None:
    shadows = played.services.shadows
    for each in played.report.comparisons:
        assert each.label_probability == 1.0
        drawn = shadows.drawn(each.experiment, after=0, as_of=FAR_FUTURE)["prediction_id"]
        assert len(set(drawn.to_pylist())) == len(drawn) == each.disagreements > 0


def test_no_version_is_lost_or_doubled_and_the_registry_shows_who_serves(played: Played) -> None:
    registry, history = played.services.registry, played.services.ledger.history()
    versions = sorted({entry.change.model_version for entry in history})
    assert versions == list(range(1, len(versions) + 1))
    assert len({registry.get(version).run_id for version in versions}) == len(versions)
    with pytest.raises(NotFound):
        registry.get(len(versions) + 1)
    rollout = rollout_of(history)
    assert rollout.challenger is None
    assert rollout.champion is not None
    assert rollout.champion.model_version > 1
    assert registry.aliases() == {"champion": rollout.champion.model_version}


def test_a_version_names_the_label_rows_and_reviewers_it_learnt_from(played: Played) -> None:
    """Version -> frozen snapshot -> label rows: all that were given by then, and no other."""
    services = played.services
    snapshot = services.snapshots.get(services.registry.get(2).tags["regain.snapshot"])
    frozen = read_snapshot(snapshot, services.objects)["label_ids"].combine_chunks().flatten()
    given = services.labels.read(snapshot.as_of)
    assert sorted(frozen.to_pylist()) == sorted(given["label_id"].to_pylist())
    assert any(name.startswith("reviewer-") for name in given["reviewer"].to_pylist())


def test_the_report_is_written(played: Played) -> None:
    report = json.loads((played.settings.state / REPORT).read_text())
    assert report["closed"] is True
    assert len(report["decisions"]) == len(played.services.ledger.history())
    assert "<svg" in (played.settings.state / PAGE).read_text()


def test_the_fire_drill_finds_gate_and_judge_awake(played: Played) -> None:
    """On the champion's own test rows, and without a word in the ledger."""
    before = played.services.ledger.history()
    with airflow_of(played.settings) as airflow:
        airflow.wait_for_dag("fire_drill")
        airflow.trigger("fire_drill", as_of=FAR_FUTURE, run_id="drill")
        runs = partial(airflow.runs, "fire_drill")
        wait_until("the drill", lambda: runs()["drill"] in FINISHED)
        ended = runs()["drill"]
    alerts = [record.alert for record in played.services.alerts.history()]
    assert [alert.reason for alert in alerts if alert.action is Action.REPAIR] == []
    assert ended == "success"
    assert played.services.ledger.history() == before


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
