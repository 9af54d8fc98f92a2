"""Starting a worker, in a process of its own: prometheus_client decides at import time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_WORKERS = """
import os, sys
import fastapi, ml.models.bundle, ml.wiring.build  # what takes long, and not prometheus_client
for number in range(2):
    if os.fork() == 0:
        from ml.serving.main import create
        metrics = create().state.context.metrics
        metrics.request("GET", "/healthz", 200, 0.001)
        metrics.serving(number + 1, behind=False)
        os._exit(0)
    os.wait()
from ml.serving.metrics import Metrics
from ml.wiring.config import load_settings
folder = load_settings().state.resolve() / "serving" / "metrics" / str(os.getpid())
print(Metrics(folder).render().decode())
"""


def run(code: str, state: Path) -> str:
    environment = {**os.environ, "REGAIN_STATE": str(state)}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout


def test_counters_add_up_over_workers_and_outlive_them(tmp_path: Path) -> None:
    stale = tmp_path / "serving" / "metrics" / str(2**22 - 1)
    stale.mkdir(parents=True)
    text = run(_WORKERS, tmp_path)
    assert 'regain_requests_total{method="GET",route="/healthz",status="200"} 2.0' in text
    assert 'regain_request_seconds_count{route="/healthz"} 2.0' in text
    assert "regain_model_version{" not in text  # both workers are dead
    assert not stale.exists()


@pytest.mark.parametrize("module", ["main", "app"])
def test_importing_does_nothing(tmp_path: Path, module: str) -> None:
    code = f"import threading, ml.serving.{module}; print(threading.active_count())"
    assert run(code, tmp_path / "state").strip() == "1"
    assert not (tmp_path / "state").exists()
