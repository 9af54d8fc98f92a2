"""Asset events and pauses over Airflow's REST API, which the product itself has no use for."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx

from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

CLIENTS = 8


class AssetEvents:
    """One asset's events."""

    def __init__(self, settings: Settings, asset: str) -> None:
        self._asset = asset
        self._http = httpx.Client(base_url=endpoints.airflow_url(settings), timeout=60)
        password = load_secrets(settings.state).airflow_password
        credentials = {"username": settings.airflow_user, "password": password}
        token = self._ask("POST", "/auth/token", json=credentials)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def deliver(self, times: int = 1) -> None:
        """Send the event so many times, several at once."""
        body = {"asset_id": self._asset_id(), "extra": {}}

        def send(_: int) -> None:
            self._ask("POST", "/api/v2/assets/events", json=body)

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(send, range(times)))

    def count(self) -> int:
        """How many events there were so far, whoever sent them."""
        query = {"asset_id": self._asset_id()}
        return int(self._ask("GET", "/api/v2/assets/events", params=query)["total_entries"])

    def are_waiting(self, dag_id: str) -> bool:
        """Whether an event waits for a run of a DAG."""
        path = f"/api/v2/dags/{dag_id}/assets/queuedEvents"
        return int(self._ask("GET", path)["total_entries"]) > 0

    def pause(self, dag_id: str) -> None:
        """Let no further task of a DAG start, nor any run."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": True})

    def _asset_id(self) -> int:
        found = self._ask("GET", "/api/v2/assets", params={"name_pattern": self._asset})["assets"]
        return next(int(asset["id"]) for asset in found if asset["name"] == self._asset)

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._http.request(method, path, **request).raise_for_status().json()
        return body
