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


@pytest.fixture(scope="module")
def dags():
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


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
        assert task.execution_timeout is not None, task.task_id


def test_training_runs_on_the_gpu_queue(dags) -> None:
    queues = {task.task_id: task.queue for task in dags["retrain_monthly"].tasks}
    trained = {name for name, queue in queues.items() if queue == "gpu"}
    assert {"retrain.train_text", "retrain.train_image", "retrain.fuse"} <= trained
    assert "retrain.promote" not in trained


def test_the_monthly_run_is_due_at_three_on_the_first(dags) -> None:
    assert dags["retrain_monthly"].schedule == "0 3 1 * *"


def test_a_replay_has_no_timetable(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("REGAIN_REPLAY", "true")
    bag = DagBag(str(ROOT / "dags"))
    assert bag.dags["retrain_monthly"].schedule is None


def test_a_task_promotes_only_after_the_gate(dags) -> None:
    promote = dags["retrain_monthly"].get_task("retrain.promote")
    assert "retrain.gate" in promote.upstream_task_ids
    assert promote.trigger_rule == "all_success"
