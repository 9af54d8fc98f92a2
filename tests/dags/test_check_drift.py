"""The DAG check_drift, run as Airflow runs it, with the check itself stood in for."""

from pathlib import Path

import pytest

DAGS = Path(__file__).parents[2] / "dags"

pytestmark = [
    pytest.mark.dags,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Airflow's own deprecations are not ours
]

REPORT = "http://127.0.0.1:18000/v1/drift/c1/report"
AS_OF = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def dag():
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    return DagBag(str(DAGS)).dags["check_drift"]


@pytest.fixture
def run(dag, monkeypatch: pytest.MonkeyPatch):
    """Run the DAG over a check that says so, and return the run with how its tasks ended."""

    def run(*, retrain: bool, report: str | None = REPORT):
        def check_drift(*, as_of: str) -> dict[str, object]:
            alerts = ["a1"] if retrain else []
            return {
                "check_id": report and "c1",
                "alerts": alerts,
                "retrain": retrain,
                "report": report,
                "summary": as_of,
            }

        monkeypatch.setattr("ml.tasks.check_drift.check_drift", check_drift)
        finished = dag.test(run_conf={"as_of": AS_OF})
        return finished, {task.task_id: task.state for task in finished.get_task_instances()}

    return run


def events() -> list[str]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [event.asset.name for event in session.scalars(select(AssetEvent))]


def left_by_check(run_id: str) -> dict[str, object]:
    """The XComs of the task `check` in a run."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = select(XComModel).where(XComModel.run_id == run_id, XComModel.task_id == "check")
    with create_session() as session:
        return {row.key: row.value for row in session.scalars(wanted)}


def test_the_event_is_emitted_for_an_alert_that_asks_for_a_retraining_only(run) -> None:
    before = events()
    calm, states = run(retrain=False)
    assert (calm.state, states) == ("success", {"check": "success", "announce": "skipped"})
    assert events() == before

    drifted, states = run(retrain=True)
    assert (drifted.state, states) == ("success", {"check": "success", "announce": "success"})
    assert events() == [*before, "drift_alert"]


def test_the_check_is_told_the_runs_time_and_links_its_report(run) -> None:
    finished, _ = run(retrain=False)
    left = left_by_check(finished.run_id)
    assert left["summary"] == AS_OF
    assert left["report"] == REPORT
    assert left["_link_DriftReportLink"] == REPORT


def test_a_check_without_a_report_has_no_link(run) -> None:
    finished, states = run(retrain=False, report=None)
    assert states["check"] == "success"
    assert left_by_check(finished.run_id)["_link_DriftReportLink"] == ""


def test_the_ui_finds_the_button_without_our_code(dag) -> None:
    """The api-server knows the serialised DAG only: a name, and the XCom where the link lies."""
    from airflow.serialization.serialized_objects import DagSerialization

    seen = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    (link,) = seen.get_task("check").operator_extra_links
    assert (link.name, link.xcom_key) == ("Drift report", "_link_DriftReportLink")


def test_it_runs_daily_from_its_first_day(dag) -> None:
    assert dag.schedule == "0 4 * * *"
    assert dag.is_paused_upon_creation is False
