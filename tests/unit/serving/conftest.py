"""Workers to talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import NOW, Worker


@pytest.fixture
def empty_worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker before the first champion; every doubtful product goes to review."""
    settings = Settings(
        state=tmp_path,
        refresh_seconds=0.01,
        audit_share=0.0,
        review_capacity_per_day=1e6,
        max_request_bytes=200_000,
        max_picture_bytes=100_000,
        max_picture_pixels=1_000_000,
        max_batch=4,
    )
    services = FakeServices(settings)
    services.label_spaces.extend(["books", "shoes"], cause="import", at=NOW)
    worker = Worker(settings, services)
    yield worker
    worker.stop()


@pytest.fixture
def worker(empty_worker: Worker) -> Worker:
    """A worker with a champion."""
    empty_worker.publish(tiny_bundle())
    return empty_worker
