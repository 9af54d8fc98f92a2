"""Airflow's REST API, as much of it as driving a loop needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from ml.domain.errors import RegainError, ServiceUnavailable
from ml.wiring.urls import without_password

FINISHED = {"success", "failed"}
LATEST_RUNS = 50


@dataclass(frozen=True)
class DagRun:
    """One run; `tasks` maps each task id to its state (None: not scheduled yet)."""

    dag_id: str
    run_id: str
    state: str
    url: str
    tasks: dict[str, str | None]

    @property
    def done(self) -> int:
        """How many tasks succeeded."""
        return sum(state == "success" for state in self.tasks.values())


class AirflowClient:
    """Triggers and follows DAG runs; rides out restarts of the API server."""

    def __init__(
        self, url: str, *, user: str, password: str, patience_seconds: float = 120
    ) -> None:
        self._url = without_password(url)
        self._credentials = {"username": user, "password": password}
        self._patience = patience_seconds
        self._http = httpx.Client(base_url=url, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def trigger(self, dag_id: str, *, as_of: datetime, run_id: str) -> str:
        """Unpause the DAG and start a run that speaks of `as_of`; the same run id starts once."""
        self.unpause(dag_id)
        body = {
            "dag_run_id": run_id,
            "logical_date": None,
            "conf": {"as_of": as_of.isoformat()},
        }
        self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body, accept=(409,))
        return run_id

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start, those that assets ask for included."""
        self._request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def runs(self, dag_id: str) -> dict[str, str]:
        """States of the DAG's latest runs by run id, newest first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit={LATEST_RUNS}"
        return {run["dag_run_id"]: run["state"] for run in self._request("GET", path)["dag_runs"]}

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """How a run stands now."""
        base = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        state = self._request("GET", base)["state"]
        instances = self._request("GET", f"{base}/taskInstances")["task_instances"]
        tasks = {
            task["task_id"]: task["state"]
            for task in sorted(instances, key=lambda task: task["start_date"] or "9")
        }
        url = f"{self._url}/dags/{dag_id}/runs/{run_id}"
        return DagRun(dag_id=dag_id, run_id=run_id, state=state, url=url, tasks=tasks)

    def follow(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout_seconds: float,
        on_change: Callable[[DagRun], None] = lambda _: None,
    ) -> DagRun:
        """Wait for the end of a run; raises RegainError when it failed or took too long."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            run = self.run(dag_id, run_id)
            on_change(run)
            if run.state in FINISHED:
                break
            if time.monotonic() > deadline:
                raise RegainError(
                    f"{dag_id} took longer than {timeout_seconds:.0f} s; see {run.url}"
                )
            time.sleep(1)
        if run.state != "success":
            failed = [task for task, state in run.tasks.items() if state == "failed"]
            raise RegainError(f"{dag_id} failed at {', '.join(failed)}; its log: {run.url}")
        return run

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until the DAG processor has found the DAG."""
        self._request("GET", f"/api/v2/dags/{dag_id}", retry_on=(404,))

    def _request(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        accept: tuple[int, ...] = (),
        retry_on: tuple[int, ...] = (),
    ) -> dict[str, Any]:
        """One call, repeated while Airflow restarts, is busy, or answers a status of `retry_on`."""
        attempt = retry(
            retry=retry_if_exception_type((httpx.TransportError, ServiceUnavailable)),
            stop=stop_after_delay(self._patience),
            wait=wait_fixed(1),
            reraise=True,
        )(self._once)
        with _one_line(self._url):
            response = attempt(method, path, json, retry_on)
        if response.is_error and response.status_code not in accept:
            raise RegainError(
                f"Airflow answered {response.status_code} to {method} {path}: {response.text[:200]}"
            )
        body: dict[str, Any] = response.json()
        return body

    def _once(
        self, method: str, path: str, json: dict[str, Any] | None, retry_on: tuple[int, ...]
    ) -> httpx.Response:
        if "Authorization" not in self._http.headers:
            token = self._http.post("/auth/token", json=self._credentials)
            if token.status_code in (401, 403):
                raise RegainError("Airflow refused the user or password of secrets.json")
            _raise_when_busy(token, ())
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        response = self._http.request(method, path, json=json)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            del self._http.headers["Authorization"]  # the token ran out, or the server is new
            raise ServiceUnavailable("Airflow no longer accepts its token")
        _raise_when_busy(response, retry_on)
        return response


def _raise_when_busy(response: httpx.Response, retry_on: tuple[int, ...]) -> None:
    if response.status_code >= 500 or response.status_code in retry_on:
        raise ServiceUnavailable(f"Airflow answered {response.status_code}: {response.text[:200]}")


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise ServiceUnavailable(f"Airflow at {url} does not answer ({error})") from error
