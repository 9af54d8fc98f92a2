import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ml.stack import processes
from ml.stack.child import inherited_environment

SHOW = (
    "import json, os; print(json.dumps(dict(os.environ)), flush=True); import time; time.sleep(60)"
)


def launch(spec: Path, pids: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ml.stack.child", str(spec), str(pids)]
    environment = {**os.environ, "AIRFLOW__CORE__EXECUTOR": "Other", "REGAIN_SEED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def shown(child: subprocess.Popen[str]) -> dict[str, str]:
    assert child.stdout is not None
    seen: dict[str, str] = json.loads(child.stdout.readline())
    return seen


def test_the_launcher_records_itself_and_replaces_what_a_killed_one_left(tmp_path: Path) -> None:
    environment = {"REGAIN_STACK": str(tmp_path), "REGAIN_SERVICE": "serving", "TOKEN": 'a "b" %c'}
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "command": [sys.executable, "-c", SHOW],
                "environment": environment,
                "user": None,
            }
        )
    )
    first, second = launch(spec, tmp_path), None
    try:
        seen = shown(first)
        assert environment.items() <= seen.items()
        assert not {"AIRFLOW__CORE__EXECUTOR", "REGAIN_SEED"} & set(seen)
        second = launch(spec, tmp_path)
        shown(second)
        assert not processes.alive(psutil.Process(first.pid))
        entry = processes.read_record(tmp_path / "serving.json")
        assert entry is not None
        assert entry.process() == psutil.Process(second.pid)
    finally:
        for child in (first, second):
            if child is not None:
                child.kill()
                child.communicate()


def test_variables_of_other_installations_are_not_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "PGHOST",
        "REGAIN_STATE",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW_HOME",
        "MLFLOW_TRACKING_URI",
        "GUNICORN_CMD_ARGS",
        "PROMETHEUS_MULTIPROC_DIR",
    ):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    handed_on = inherited_environment()
    assert handed_on["AWS_PROFILE"] == "mine"
    assert "elsewhere" not in handed_on.values()
