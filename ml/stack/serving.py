"""The serving API under gunicorn: workers that are replaced one by one when they die."""

from functools import partial

from ml.stack.health import probe_http
from ml.stack.service import Service, program
from ml.wiring import endpoints
from ml.wiring.config import Settings


def serving_service(settings: Settings) -> Service:
    """gunicorn with uvicorn's workers over `ml.serving.main:create()`."""
    url = endpoints.serving_url(settings)
    return Service(
        name="serving",
        command=(
            *(program("gunicorn"), "ml.serving.main:create()"),
            *("--config", "python:ml.serving.server"),
            *("--worker-class", "uvicorn.workers.UvicornWorker"),
            *("--workers", str(settings.serving_workers)),
            *("--bind", f"{endpoints.LOOPBACK}:{settings.serving_port}"),
            *("--timeout", "60", "--graceful-timeout", "10", "--no-control-socket"),
        ),
        environment={
            # One product at a time leaves threads nothing to share but spinning.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # The separate package that uvicorn recommends is the same class.
            "PYTHONWARNINGS": "ignore:The `uvicorn.workers` module is deprecated",
        },
        probe=partial(probe_http, f"{url}/healthz"),
        needs=("schema",),
        ports={"serving_port": settings.serving_port},
        url=url,
    )
