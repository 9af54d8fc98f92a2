"""The embedded MLflow server: runs in PostgreSQL, artifacts in the state folder."""

from functools import partial

from ml.stack.health import probe_http
from ml.stack.layout import Layout
from ml.stack.service import Service, program
from ml.wiring import endpoints
from ml.wiring.config import Settings


def mlflow_service(settings: Settings, layout: Layout, *, database: tuple[str, ...]) -> Service:
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
        },
        probe=partial(probe_http, f"{url}/health"),
        needs=database,
        ports={"mlflow_port": settings.mlflow_port},
        url=url,
    )
