"""The receiver of MLflow's webhook: signed word of an edited alias wakes the DAG follow_registry.

A part of Airflow's API server. It only wakes: what was edited the DAG sees in MLflow itself, so a
message that is late, doubled, lost or sent again by a stranger changes nothing.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from ml.wiring import endpoints
from ml.wiring.config import load_settings
from ml.wiring.secrets import load_secrets

DAG_ID = "follow_registry"
MAX_BODY_BYTES = 64 * 1024
MAX_AGE_SECONDS = 300.0
DELIVERY_HEADER = "X-MLflow-Delivery-Id"
TIMESTAMP_HEADER = "X-MLflow-Timestamp"
SIGNATURE_HEADER = "X-MLflow-Signature"


def installed_secret() -> str:
    """What MLflow and this receiver share; made with the installation's other secrets."""
    return load_secrets(load_settings().state).mlflow_webhook_secret


def is_news(alias: str, version: int | None) -> bool:
    """Whether an alias shows other than the ledger; regain's own moves of aliases do not."""
    from ml.tasks.follow_registry import is_news

    return is_news(alias, version)


def wake() -> bool:
    """Queue a run of the DAG, unless one waits to start: that one will see this edit, too."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.models import DagRun
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType

    if DagRun.find(dag_id=DAG_ID, state=DagRunState.QUEUED):
        return False
    trigger_dag(DAG_ID, triggered_by=DagRunTriggeredByType.REST_API, triggering_user_name="mlflow")
    return True


def receiver(
    *,
    secret: Callable[[], str] = installed_secret,
    is_news: Callable[[str, int | None], bool] = is_news,
    wake: Callable[[], bool] = wake,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The application; `now` in Unix seconds, `wake` tells whether a run was queued."""
    app = FastAPI(title="regain", openapi_url=None)

    @app.post(endpoints.REGISTRY_EVENTS_PATH, status_code=202)
    async def receive(request: Request) -> dict[str, str]:
        """202 with what came of it; 401 for a bad or old signature, 413, 422 for no event."""
        _check_age(request.headers, now())
        body = await _bounded(request)
        _check_signature(request.headers, body, await run_in_threadpool(secret))
        edit = _edit(body)
        if edit is None or not await run_in_threadpool(is_news, *edit):
            return {"outcome": "nothing to do"}
        queued = await run_in_threadpool(wake)
        return {"outcome": "a run is queued" if queued else "a run waits already"}

    return app


def _check_age(headers: Mapping[str, str], now: float) -> None:
    sent = headers.get(TIMESTAMP_HEADER, "")
    if not (sent.isascii() and sent.isdigit()) or abs(now - int(sent)) > MAX_AGE_SECONDS:
        raise HTTPException(401, f"the header {TIMESTAMP_HEADER} is missing or not of now")


def _check_signature(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """As MLflow signs: HMAC-SHA256 of delivery id, time and body."""
    delivery, sent = headers.get(DELIVERY_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    signed = f"{delivery}.{sent}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    if not hmac.compare_digest(headers.get(SIGNATURE_HEADER, "").encode(), expected):
        raise HTTPException(401, f"the header {SIGNATURE_HEADER} is missing or wrong")


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"an event has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _edit(body: bytes) -> tuple[str, int | None] | None:
    """The alias and where it is now (None: removed); None for an event of something else."""
    try:
        event: dict[str, Any] = json.loads(body)
        if event["entity"] != "model_version_alias":
            return None
        data = event["data"]
        removed = event["action"] == "deleted"
        return str(data["alias"]), None if removed else int(data["version"])
    except (ValueError, TypeError, KeyError) as error:
        raise HTTPException(422, "this is no event of MLflow's registry") from error
