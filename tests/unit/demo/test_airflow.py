"""The Airflow client against a small Airflow of our own."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from ml.demo.airflow import AirflowClient
from ml.domain.errors import RegainError, ServiceUnavailable

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)


class Airflow:
    """Answers like the API server: tokens expire, runs end as told, starts may be repeated."""

    def __init__(self, *, ends: str = "success", busy: int = 0) -> None:
        self.runs: dict[str, dict[str, object]] = {}
        self.unpaused: list[str] = []
        self.tokens = 0
        self._ends = ends
        self._busy = busy

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/auth/token":
            self.tokens += 1
            return httpx.Response(201, json={"access_token": f"token-{self.tokens}"})
        if request.headers["Authorization"] != f"Bearer token-{self.tokens}":
            return httpx.Response(401)
        if self._busy:
            self._busy -= 1
            return httpx.Response(503, text="starting")
        return self._answer(request.method, path, request.content)

    def _answer(self, method: str, path: str, content: bytes) -> httpx.Response:
        if method == "PATCH":
            self.unpaused.append(path)
            return httpx.Response(200, json={})
        if method == "POST":
            body = json.loads(content)
            if body["dag_run_id"] in self.runs:
                return httpx.Response(409, json={"detail": "exists"})
            self.runs[body["dag_run_id"]] = body
            return httpx.Response(200, json=body)
        if path.endswith("/dagRuns"):
            newest_first = [
                {"dag_run_id": run_id, "state": self._ends} for run_id in reversed(self.runs)
            ]
            return httpx.Response(200, json={"dag_runs": newest_first})
        if path.endswith("/taskInstances"):
            task = {"task_id": "retrain.gate", "state": self._ends, "start_date": "2026"}
            return httpx.Response(200, json={"task_instances": [task]})
        return httpx.Response(200, json={"state": self._ends})


def client(airflow: Airflow, patience_seconds: float = 5) -> AirflowClient:
    made = AirflowClient(
        "http://airflow", user="admin", password="secret", patience_seconds=patience_seconds
    )
    made._http = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(airflow))
    return made


def test_a_run_is_started_once_and_speaks_of_its_time() -> None:
    airflow = Airflow()
    driver = client(airflow)
    for _ in range(2):
        driver.trigger("retrain_monthly", as_of=AS_OF, run_id="r1")
    assert airflow.runs["r1"]["conf"] == {"as_of": "2026-02-01T00:00:00+00:00"}
    run = driver.follow("retrain_monthly", "r1", timeout_seconds=5)
    assert (run.state, run.done) == ("success", 1)


def test_a_failed_run_names_its_task() -> None:
    with pytest.raises(RegainError, match=r"retrain\.gate"):
        client(Airflow(ends="failed")).follow("retrain_monthly", "r1", timeout_seconds=5)


def test_a_run_that_does_not_end_is_given_up() -> None:
    with pytest.raises(RegainError, match="took longer"):
        client(Airflow(ends="running")).follow("retrain_monthly", "r1", timeout_seconds=0)


def test_a_server_that_is_starting_is_waited_for() -> None:
    airflow = Airflow(busy=1)
    client(airflow).trigger("retrain_monthly", as_of=AS_OF, run_id="r1")
    assert list(airflow.runs) == ["r1"]


def test_a_token_that_ran_out_is_renewed() -> None:
    airflow = Airflow()
    driver = client(airflow)
    driver.trigger("retrain_monthly", as_of=AS_OF, run_id="r1")
    airflow.tokens += 1
    driver.trigger("retrain_monthly", as_of=AS_OF, run_id="r2")
    assert list(airflow.runs) == ["r1", "r2"]


def test_a_server_that_stays_away_is_an_error_that_names_it() -> None:
    with pytest.raises(ServiceUnavailable):
        client(Airflow(busy=10_000), patience_seconds=0).wait_for_dag("retrain_monthly")


def test_the_runs_of_a_dag_are_told_newest_first() -> None:
    airflow = Airflow()
    driver = client(airflow)
    assert driver.runs("retrain_on_drift") == {}
    for run_id in ("r1", "r2"):
        driver.trigger("retrain_on_drift", as_of=AS_OF, run_id=run_id)
    assert list(driver.runs("retrain_on_drift").items()) == [("r2", "success"), ("r1", "success")]


def test_a_dag_is_unpaused_before_it_is_triggered() -> None:
    airflow = Airflow()
    client(airflow).unpause("retrain_on_drift")
    assert airflow.unpaused == ["/api/v2/dags/retrain_on_drift"]
