"""An embedded installation of a test's own: its ports, its end, and waiting for what it does."""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ml.demo.airflow import AirflowClient
from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

PATIENCE_SECONDS = 300.0

T = TypeVar("T")


@contextmanager
def state_folder() -> Iterator[Path]:
    """A folder that goes in the end; short, since Unix sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="regain-e2e-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def settings_of(state: Path, **wishes: Any) -> Settings:
    """Settings with ports that nobody uses."""
    mlflow, airflow, serving = (_free_port() for _ in range(3))
    return Settings(
        state=state, mlflow_port=mlflow, airflow_port=airflow, serving_port=serving, **wishes
    )


def airflow_of(settings: Settings) -> AirflowClient:
    """A client of a running stack's Airflow, to be closed."""
    return AirflowClient(
        endpoints.airflow_url(settings),
        user=settings.airflow_user,
        password=load_secrets(settings.state).airflow_password,
    )


def wait_until(what: str, ask: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
    return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((endpoints.LOOPBACK, 0))
        return int(probe.getsockname()[1])
