"""Memory is looked at while something else goes on."""

from pathlib import Path

import pytest

from ml.demo.memory import PeakMemory
from ml.wiring.config import Settings
from tests.fakes.serving import eventually


def test_this_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.demo.memory._SECONDS", 0.01)
    with PeakMemory(Settings(state=tmp_path)) as memory:
        eventually(lambda: memory.megabytes > 0)
    assert 10 < memory.megabytes < 100_000
