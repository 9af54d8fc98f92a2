"""The DAG fire_drill, run as Airflow runs it, with the drill itself stood in for."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.tasks.drill_matrix import MATRIX, Cell, DrillResult, held, told

DAGS = Path(__file__).parents[2] / "dags"
AS_OF = "2026-01-01T00:00:00+00:00"

pytestmark = [
    pytest.mark.dags,
    pytest.mark.filterwarnings("default"),  # Airflow's own deprecations are not ours
]


@pytest.fixture(scope="module")
def dag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAGS)).dags["fire_drill"]


@pytest.fixture(scope="module")
def _airflow_database() -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)


@pytest.fixture
def run(
    dag: Any, _airflow_database: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Cell]], tuple[Any, dict[str, tuple[str, int]]]]:
    """Run the DAG over a drill with these cells: the run, and each task's state and tries."""

    def run(cells: list[Cell]) -> tuple[Any, dict[str, tuple[str, int]]]:
        def fire_drill(*, as_of: str) -> DrillResult:
            return DrillResult(
                model_version=1,
                snapshot=as_of,
                products=500,
                cells=cells,
                alert=None,
                summary=told(cells),
            )

        monkeypatch.setattr("ml.tasks.fire_drill.fire_drill", fire_drill)
        finished = dag.test(run_conf={"as_of": AS_OF})
        tasks = {
            each.task_id: (each.state, each.try_number) for each in finished.get_task_instances()
        }
        return finished, tasks

    return run


def a_cell(*, stopped: bool) -> Cell:
    return held("slow", "gate", stopped=stopped, reason="1100 ms", doubt=None)


def test_the_published_matrix_is_the_one_that_is_held_against(dag: Any) -> None:
    lines = [line.split("|") for line in dag.doc_md.splitlines() if line.startswith("|")]
    published = {line[1].strip(): (line[2].strip(), line[3].strip()) for line in lines[2:]}
    words = {True: "stop", False: "pass"}
    assert published == {
        model: (words[stops.gate], words[stops.judge]) for model, stops in MATRIX.items()
    }


def test_it_is_monthly_on_the_queue_of_models_and_needs_nobody_to_switch_it_on(dag: Any) -> None:
    assert dag.schedule == "0 5 2 * *"
    assert dag.is_paused_upon_creation is False
    assert dag.get_task("drill").queue == "gpu"


@pytest.mark.slow
def test_a_drill_as_published_succeeds_and_its_matrix_stays(run: Any) -> None:
    finished, tasks = run([a_cell(stopped=True)])
    assert finished.state == "success"
    assert {state for state, _ in tasks.values()} == {"success"}
    result = finished.get_task_instance("drill").xcom_pull(task_ids="drill")
    assert result["cells"] == [a_cell(stopped=True)]
    assert result["snapshot"] == AS_OF


@pytest.mark.slow
def test_a_model_that_passes_fails_the_run_at_once(run: Any) -> None:
    finished, tasks = run([a_cell(stopped=False)])
    assert finished.state == "failed"
    assert tasks == {"drill": ("success", 1), "check": ("failed", 1)}
