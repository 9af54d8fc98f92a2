"""The program, talking to a worker without a socket."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from ml.cli.main import build
from ml.wiring.secrets import load_secrets
from tests.fakes.serving import Worker, empty_worker, worker

__all__ = ["empty_worker", "worker"]


@pytest.fixture
def regain(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `regain` with these arguments against the worker of the test."""
    secrets = load_secrets(worker.settings.state)
    worker.api_key, worker.reviewer_key = secrets.api_key, secrets.reviewer_key
    worker.answer_clients(monkeypatch)

    def run(*arguments: object) -> Result:
        words = ["--state", str(worker.settings.state), *map(str, arguments)]
        return CliRunner().invoke(build(), words)

    return run
