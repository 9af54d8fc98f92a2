"""Starting a worker, in a process of its own: prometheus_client decides at import time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SERVER = """
import os, types
import fastapi, ml.models.bundle, ml.wiring.build  # what takes long, and not prometheus_client
from ml.serving import server
server.on_starting(None)
for number in range(2):
    pid = os.fork()
    if pid == 0:
        from ml.serving.main import create
        metrics = create().state.context.metrics
        metrics.request("GET", "/healthz", 200, 0.001)
        metrics.serving(number + 1, 0, behind=False)
        os._exit(0)
    os.wait()
    if number == 0:
        server.child_exit(None, types.SimpleNamespace(pid=pid))
from ml.serving.metrics import Metrics
from ml.wiring.config import load_settings
print(Metrics(server.metrics_folder(load_settings())).render().decode())
"""


def run(code: str, state: Path) -> str:
    environment = {**os.environ, "REGAIN_STATE": str(state)}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout


def test_counters_outlive_their_worker_and_gauges_do_not(tmp_path: Path) -> None:
    text = run(_SERVER, tmp_path)
    assert 'regain_requests_total{method="GET",route="/healthz",status="200"} 2.0' in text
    assert 'regain_request_seconds_count{route="/healthz"} 2.0' in text
    versions = [line for line in text.splitlines() if line.startswith("regain_model_version{")]
    assert [line.rpartition(" ")[2] for line in versions] == ["2.0"]  # the first worker is dead


def test_a_server_starts_without_the_numbers_of_the_one_before(tmp_path: Path) -> None:
    first, second = run(_SERVER, tmp_path), run(_SERVER, tmp_path)
    assert first.count("\n") == second.count("\n")
    assert 'route="/healthz",status="200"} 2.0' in second


def test_files_that_others_left_among_the_numbers_stop_no_worker(tmp_path: Path) -> None:
    folder = tmp_path / "serving" / "metrics"
    (folder / "lost+found").mkdir(parents=True)
    code = "from ml.serving.main import create; create(); print('ready')"
    assert run(code, tmp_path).strip() == "ready"


def test_a_cache_that_is_away_is_counted(tmp_path: Path) -> None:
    code = """
from ml.serving.main import create
context = create().state.context
context.services.cache.get(["a", "b"])
print(context.metrics.render().decode())
"""
    assert "regain_cache_errors_total 2.0" in run(code, tmp_path)


@pytest.mark.parametrize("module", ["main", "app", "server"])
def test_importing_does_nothing(tmp_path: Path, module: str) -> None:
    code = f"import threading, ml.serving.{module}; print(threading.active_count())"
    assert run(code, tmp_path / "state").strip() == "1"
    assert not (tmp_path / "state").exists()
