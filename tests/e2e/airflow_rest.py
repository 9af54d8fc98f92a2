"""What of Airflow's REST API the product itself has no use for: events, pauses, questions."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import httpx

from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

CLIENTS = 8


@dataclass(frozen=True)
class Question:
    """What a task asks people; `answered` or still open."""

    dag_id: str
    run_id: str
    task_id: str
    subject: str
    body: str
    answered: bool


class AirflowRest:
    """A connection to a running stack's Airflow; close it, or use it as a context."""

    def __init__(self, settings: Settings) -> None:
        self._http = httpx.Client(base_url=endpoints.airflow_url(settings), timeout=60)
        password = load_secrets(settings.state).airflow_password
        credentials = {"username": settings.airflow_user, "password": password}
        token = self._ask("POST", "/auth/token", json=credentials)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def deliver(self, asset: str, times: int = 1) -> None:
        """Send an asset's event so many times, several at once."""
        body = {"asset_id": self._asset_id(asset), "extra": {}}

        def send(_: int) -> None:
            self._ask("POST", "/api/v2/assets/events", json=body)

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(send, range(times)))

    def events(self, asset: str) -> int:
        """How many events of an asset there were so far, whoever sent them."""
        query = {"asset_id": self._asset_id(asset)}
        return int(self._ask("GET", "/api/v2/assets/events", params=query)["total_entries"])

    def events_wait(self, dag_id: str) -> bool:
        """Whether an event waits for a run of a DAG."""
        path = f"/api/v2/dags/{dag_id}/assets/queuedEvents"
        return int(self._ask("GET", path)["total_entries"]) > 0

    def pause(self, dag_id: str) -> None:
        """Let no further task of a DAG start, nor any run."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": True})

    def questions(self, dag_id: str) -> list[Question]:
        """What the runs of a DAG asked people so far, the newest last."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/~/hitlDetails"
        details = self._ask("GET", path, params={"order_by": "created_at"})["hitl_details"]
        return [
            Question(
                dag_id=dag_id,
                run_id=each["task_instance"]["dag_run_id"],
                task_id=each["task_instance"]["task_id"],
                subject=each["subject"],
                body=each["body"],
                answered=each["response_received"],
            )
            for each in details
        ]

    def answer(self, question: Question, option: str) -> None:
        """Answer as a person does in the view of required actions."""
        path = f"/api/v2/dags/{question.dag_id}/dagRuns/{question.run_id}/taskInstances"
        self._ask(
            "PATCH",
            f"{path}/{question.task_id}/-1/hitlDetails",
            json={"chosen_options": [option], "params_input": {}},
        )

    def _asset_id(self, asset: str) -> int:
        found = self._ask("GET", "/api/v2/assets", params={"name_pattern": asset})["assets"]
        return next(int(each["id"]) for each in found if each["name"] == asset)

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._http.request(method, path, **request).raise_for_status().json()
        return body
