"""The embedded MLflow server: runs in PostgreSQL, artifacts in the state folder."""

import sys
from functools import partial

from ml.stack.health import probe_http
from ml.stack.layout import Layout
from ml.stack.service import Service, program
from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import Secrets


def mlflow_service(
    settings: Settings, secrets: Secrets, layout: Layout, *, database: tuple[str, ...]
) -> Service:
    """MLflow's tracking server and registry; it makes its own tables at its first start."""
    url = endpoints.mlflow_url(settings)
    return Service(
        name="mlflow",
        command=(
            *(program("mlflow"), "server", "--host", endpoints.LOOPBACK),
            *("--port", str(settings.mlflow_port), "--workers", "1", "--serve-artifacts"),
            *("--allowed-hosts", f"{endpoints.LOOPBACK}:*,localhost:*"),
        ),
        environment={
            "MLFLOW_BACKEND_STORE_URI": endpoints.mlflow_database_url(settings),
            "MLFLOW_ARTIFACTS_DESTINATION": layout.artifacts.as_uri(),
            # Its job runners are seven helpers of 270 MB each, for features regain does not use.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": secrets.mlflow_webhook_key,
            # The embedded Airflow, which hears of edited aliases, listens on loopback.
            "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        },
        probe=partial(probe_http, f"{url}/health"),
        needs=database,
        ports={"mlflow_port": settings.mlflow_port},
        url=url,
    )


def webhook_service() -> Service:
    """The step that has MLflow tell Airflow of edited aliases; it needs only MLflow to be there."""
    return Service(
        name="mlflow-webhook",
        command=(sys.executable, "-m", "ml.stack.webhook"),
        needs=("mlflow",),
        once=True,
    )
