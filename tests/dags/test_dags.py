"""What holds for every DAG: it parses fast and lightly, and says how it is run and rescued."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = ["torch", "sklearn", "pandas", "mlflow", "evidently", "xgboost", "timm", "numpy", "pyarrow"]
PARSE_BUDGET_MS = 100

# Own CPU time, so that a busy machine does not decide; the best of three fresh interpreters.
PROBE = """
import json, runpy, sys, time
import airflow.sdk
started = time.process_time()
runpy.run_path(sys.argv[1])
spent = time.process_time() - started
print(json.dumps({"ms": spent * 1000, "heavy": sorted(set(sys.argv[2:]) & set(sys.modules))}))
"""

pytestmark = [
    pytest.mark.dags,
    pytest.mark.filterwarnings("default"),  # Airflow's own deprecations are not ours
]


def _parse(dag_file: Path) -> dict[str, object]:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(dag_file), *HEAVY],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(probe.stdout.splitlines()[-1])


@pytest.mark.parametrize("dag_file", DAG_FILES, ids=lambda path: path.stem)
def test_parsing_is_fast_and_imports_nothing_heavy(dag_file: Path) -> None:
    parses = [_parse(dag_file) for _ in range(3)]
    assert all(parse["heavy"] == [] for parse in parses)
    assert min(parse["ms"] for parse in parses) < PARSE_BUDGET_MS


@pytest.mark.parametrize("dag_file", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_is_named_like_its_file_and_carries_its_runbook(dags, dag_file: Path) -> None:
    dag = dags[dag_file.stem]
    for topic in ("**Purpose.**", "**Trigger.**", "**Safe reruns.**", "**When it fails.**"):
        assert topic in dag.doc_md
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert len(dag_file.read_text().splitlines()) < 80


@pytest.mark.parametrize("dag_file", DAG_FILES, ids=lambda path: path.stem)
def test_every_task_retries_and_ends(dags, dag_file: Path) -> None:
    for task in dags[dag_file.stem].tasks:
        assert task.retries >= 1, task.task_id
        waits_for_people = getattr(task, "response_timeout", None)
        assert (task.execution_timeout or waits_for_people) is not None, task.task_id


RETRAINING = ["retrain_monthly", "retrain_on_drift"]
UNPAUSED = [
    *("approve_promotion", "check_drift", "follow_registry"),
    *("judge_rollout", "retrain_on_drift"),
]


@pytest.fixture(scope="module")
def replayed_dags():
    """The DAGs as a replay sees them."""
    from airflow.dag_processing.dagbag import DagBag

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGAIN_REPLAY", "true")
        bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


@pytest.mark.parametrize("dag_id", RETRAINING)
def test_training_runs_on_the_gpu_queue(dags, dag_id: str) -> None:
    queues = {task.task_id: task.queue for task in dags[dag_id].tasks}
    trained = {name for name, queue in queues.items() if queue == "gpu"}
    assert {"retrain.train_text", "retrain.train_image", "retrain.fuse"} <= trained
    assert "retrain.release" not in trained


def test_the_timetables(dags) -> None:
    assert dags["retrain_monthly"].schedule == "0 3 1 * *"
    assert dags["judge_rollout"].schedule == "*/15 * * * *"
    assert dags["follow_registry"].schedule == "*/5 * * * *"


@pytest.mark.parametrize("dag_id", UNPAUSED)
def test_the_loop_needs_nobody_to_switch_it_on(dags, dag_id: str) -> None:
    assert dags[dag_id].is_paused_upon_creation is False


def test_a_replay_has_no_timetable(replayed_dags) -> None:
    timed = {name for name, dag in replayed_dags.items() if dag.schedule is not None}
    assert timed == {"retrain_on_drift", "approve_promotion"}  # by events, not by the clock


@pytest.mark.parametrize("dag_id", RETRAINING)
def test_a_task_releases_only_after_the_gate(dags, dag_id: str) -> None:
    release = dags[dag_id].get_task("retrain.release")
    assert "retrain.gate" in release.upstream_task_ids
    assert release.trigger_rule == "all_success"


def test_an_alert_or_a_sweep_starts_a_retraining(dags) -> None:
    schedule = dags["retrain_on_drift"].schedule
    assert [asset.name for asset in schedule.asset_condition.objects] == ["drift_alert"]
    assert schedule.timetable.expression == "*/5 * * * *"


def test_a_replay_sweeps_not_but_hears_alerts(replayed_dags) -> None:
    timetable = replayed_dags["retrain_on_drift"].timetable
    assert [asset.name for asset in timetable.asset_condition.objects] == ["drift_alert"]
    assert not hasattr(timetable, "timetable")


def test_an_attempt_is_settled_whether_it_succeeds_or_fails(dags) -> None:
    dag = dags["retrain_on_drift"]
    rules = {name: dag.get_task(name).trigger_rule for name in ("settle_success", "settle_failure")}
    assert rules == {"settle_success": "all_success", "settle_failure": "one_failed"}
    for name in rules:
        assert dag.get_task(name).upstream_task_ids == {"retrain.release"}
        assert dag.get_task(name).downstream_task_ids == set()


def test_a_run_ends_with_its_lease(dags) -> None:
    assert dags["retrain_on_drift"].dagrun_timeout.total_seconds() == 8 * 3600
