"""The receiver of MLflow's webhook: what wakes the DAG, and what is turned away."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from ml.wiring.endpoints import REGISTRY_EVENTS_PATH
from regain_airflow import registry_webhook
from regain_airflow.registry_webhook import MAX_AGE_SECONDS, MAX_BODY_BYTES, receiver

ROOT = Path(__file__).parents[2]
SECRET = "open sesame"
NOW = 1_790_000_000.0
MOVED = {
    "entity": "model_version_alias",
    "action": "created",
    "timestamp": "2026-11-20T14:00:00+00:00",
    "data": {"name": "regain", "alias": "champion", "version": "7"},
}
REMOVED = {**MOVED, "action": "deleted", "data": {"name": "regain", "alias": "challenger"}}

Send = Callable[..., httpx.Response]


class Woken:
    """What the receiver asked and did; `serves` is what the ledger says of each alias."""

    def __init__(self) -> None:
        self.serves: dict[str, int | None] = {"champion": 1, "challenger": 2}
        self.queued = 0

    def is_news(self, alias: str, version: int | None) -> bool:
        return alias in self.serves and self.serves[alias] != version

    def wake(self) -> bool:
        self.queued += 1
        return self.queued == 1


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def send(woken: Woken) -> Send:
    app = receiver(secret=lambda: SECRET, is_news=woken.is_news, wake=woken.wake, now=lambda: NOW)
    client = TestClient(app)

    def send(event: object, *, secret: str = SECRET, age: float = 0, **changed: str) -> Any:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        sent = str(int(NOW - age))
        signed = b"delivery." + sent.encode() + b"." + body
        digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
        headers = {
            "X-MLflow-Delivery-Id": "delivery",
            "X-MLflow-Timestamp": sent,
            "X-MLflow-Signature": "v1," + digest.decode(),
        }
        named = {name.replace("_", "-"): value for name, value in changed.items()}
        return client.post(REGISTRY_EVENTS_PATH, content=body, headers={**headers, **named})

    return send


@pytest.mark.parametrize("event", [MOVED, REMOVED])
def test_an_edit_wakes_the_dag(send: Send, woken: Woken, event: object) -> None:
    answer = send(event)
    assert (answer.status_code, answer.json()) == (202, {"outcome": "a run is queued"})
    assert woken.queued == 1
    assert send(event).json() == {"outcome": "a run waits already"}


@pytest.mark.parametrize(
    "event",
    [
        {**MOVED, "data": {**MOVED["data"], "version": "1"}},
        {**MOVED, "data": {**MOVED["data"], "alias": "production"}},
        {"entity": "registered_model", "action": "created", "data": {"name": "regain"}},
    ],
    ids=["regain's own move", "another alias", "another event"],
)
def test_what_asks_for_nothing_wakes_nobody(send: Send, woken: Woken, event: object) -> None:
    assert send(event).status_code == 202
    assert woken.queued == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "guessed"},
        {"age": MAX_AGE_SECONDS + 1},
        {"age": -MAX_AGE_SECONDS - 1},
        {"X_MLflow_Signature": ""},
        {"X_MLflow_Timestamp": "now"},
        {"X_MLflow_Timestamp": str(int(NOW) - 1)},
        {"X_MLflow_Delivery_Id": "another"},
    ],
    ids=str,
)
def test_strangers_and_old_messages_are_refused(
    send: Send, woken: Woken, wrong: dict[str, Any]
) -> None:
    assert send(MOVED, **wrong).status_code == 401
    assert woken.queued == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"entity": "model_version_alias"}'])
def test_what_is_no_event_is_said_to_be_none(send: Send, woken: Woken, body: bytes) -> None:
    assert send(body).status_code == 422
    assert woken.queued == 0


def test_a_body_is_read_up_to_its_bound_only(send: Send) -> None:
    assert send(b"x" * MAX_BODY_BYTES).status_code == 422
    assert send(b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


@pytest.mark.dags
@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Airflow's own deprecations are not ours
def test_a_burst_queues_one_run_of_the_dag() -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models import DagRun
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(DagBag(str(ROOT / "dags")), "dags-folder", None)
    assert [registry_webhook.wake() for _ in range(5)] == [True] + [False] * 4
    (run,) = DagRun.find(dag_id=registry_webhook.DAG_ID)
    assert (run.state, run.triggering_user_name) == ("queued", "mlflow")


@pytest.mark.dags
@pytest.mark.filterwarnings("default")
def test_airflow_finds_the_plugin_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow import plugins_manager, settings
    from airflow.plugins_manager import get_fastapi_plugins, get_import_errors

    monkeypatch.setattr(settings, "PLUGINS_FOLDER", str(ROOT / "plugins"))
    for known in (plugins_manager._get_plugins, get_fastapi_plugins):
        known.cache_clear()
    apps, _ = get_fastapi_plugins()
    assert get_import_errors() == {}
    assert [(each["name"], each["url_prefix"]) for each in apps] == [("regain", "/regain")]
