"""The API under gunicorn with two workers, on a real PostgreSQL and Redis."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.digests import digest_files
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, save_files
from ml.serving.client import ServingClient
from ml.stack.serving import serving_service
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets
from tests.embedded import EmbeddedPostgres
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import eventually

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Server:
    """One gunicorn; `start` again after `kill_all` is a new one on the same state folder."""

    settings: Settings
    services: Services
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return endpoints.serving_url(self.settings)

    def client(self, *, patience_seconds: float = 30) -> ServingClient:
        key = load_secrets(self.settings.state).api_key
        return ServingClient(self.url, api_key=key, patience_seconds=patience_seconds)

    def start(self) -> None:
        service = serving_service(self.settings)
        assert self.settings.database_url is not None
        assert self.settings.redis_url is not None
        environment = {
            **os.environ,
            **service.environment,
            "REGAIN_STATE": str(self.settings.state),
            "REGAIN_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "REGAIN_REDIS_URL": self.settings.redis_url.get_secret_value(),
            "REGAIN_REFRESH_SECONDS": str(self.settings.refresh_seconds),
            "REGAIN_REVIEW_CAPACITY_PER_DAY": str(self.settings.review_capacity_per_day),
        }
        with (self.settings.state / "serving.log").open("ab") as log:
            self._process = subprocess.Popen(
                service.command, env=environment, stderr=log, start_new_session=True
            )
        eventually(self._ready, seconds=60)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def workers(self) -> list[int]:
        assert self._process is not None
        return [child.pid for child in psutil.Process(self._process.pid).children()]

    def kill_worker(self, number: int = 0) -> None:
        os.kill(self.workers()[number], signal.SIGKILL)

    def kill_all(self) -> None:
        """As a machine that loses its memory: nobody gets to say goodbye."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def publish(self, bundle: ModelBundle, *, version: int, **shadow: float) -> None:
        """Put a bundle into the object store and name it champion."""
        self._decide(LedgerAction.PROMOTE, version, self._stored(bundle), **shadow)

    def challenge(
        self, bundle: ModelBundle, *, version: int, share: float, **shadow: float
    ) -> None:
        """Begin a trial."""
        self._decide(LedgerAction.CHALLENGE, version, self._stored(bundle), share=share, **shadow)

    def roll_back(self, *, version: int) -> None:
        self._decide(LedgerAction.ROLLBACK, version, "")

    def _stored(self, bundle: ModelBundle) -> str:
        files = bundle.to_files()
        digest = digest_files(files)
        save_files(self.services.objects, bundle_prefix(digest), files)
        return digest

    def _decide(self, action: LedgerAction, version: int, digest: str, **shares: float) -> None:
        change = LedgerChange(
            key=f"{action} {version}",
            action=action,
            model_version=version,
            bundle_digest=digest,
            label_space_version=1,
            reason="a test says so",
            actor="test",
            at=NOW,
            **shares,
        )
        self.services.ledger.append(change)

    def gauges(self, name: str) -> dict[int, int]:
        """A number of each living worker, by its pid, whichever of them is asked."""
        text = httpx.get(f"{self.url}/metrics").text
        found = re.findall(rf'^{name}{{pid="(\d+)"}} (\d+)', text, re.MULTILINE)
        return {int(pid): int(value) for pid, value in found}

    def spooled(self) -> int:
        """Lines that wait on disk."""
        folder = self.settings.state / "serving" / "spool"
        return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.ndjson"))


@contextmanager
def _running(
    state: Path, postgres: EmbeddedPostgres, redis_url: str, *, refresh_seconds: float
) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    database = postgres.create()
    settings = Settings(
        state=state,
        database_url=postgres.url(database),
        redis_url=redis_url,
        serving_port=port,
        refresh_seconds=refresh_seconds,
        review_capacity_per_day=1e6,
    )
    server = Server(settings, Services(settings))
    server.services.label_spaces.extend(["books", "shoes"], cause="import", at=NOW)
    server.publish(tiny_bundle(), version=1)
    server.start()
    yield server
    server.stop()
    server.services._engine.dispose()
    postgres.drop(database)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres, redis_server: str
) -> Iterator[Server]:
    """Started once, because starting takes seconds; each test names products of its own."""
    state = tmp_path_factory.mktemp("serving")
    with _running(state, postgres, redis_server, refresh_seconds=0.1) as server:
        yield server


@pytest.fixture(scope="module")
def listening_server(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres, redis_server: str
) -> Iterator[Server]:
    """Its workers ask the ledger once in ten minutes: what reaches them sooner is news."""
    state = tmp_path_factory.mktemp("listening")
    with _running(state, postgres, redis_server, refresh_seconds=600) as server:
        yield server
