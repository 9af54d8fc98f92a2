"""The API under gunicorn with two workers, on a real PostgreSQL and Redis."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

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

    def client(self) -> ServingClient:
        key = load_secrets(self.settings.state).api_key
        return ServingClient(self.url, api_key=key, patience_seconds=30)

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

    def publish(self, bundle: ModelBundle, *, version: int) -> None:
        files = bundle.to_files()
        digest = digest_files(files)
        save_files(self.services.objects, bundle_prefix(digest), files)
        change = LedgerChange(
            key=f"version {version}",
            action=LedgerAction.PROMOTE,
            model_version=version,
            bundle_digest=digest,
            label_space_version=bundle.label_space.version,
            reason="a test says so",
            actor="test",
            at=NOW,
        )
        self.services.ledger.append(change)

    def spooled(self) -> int:
        """Lines that wait on disk."""
        folder = self.settings.state / "serving" / "spool"
        return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.ndjson"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres, redis_server: str
) -> Iterator[Server]:
    """Started once, because starting takes seconds; each test names products of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    database = postgres.create()
    settings = Settings(
        state=tmp_path_factory.mktemp("serving"),
        database_url=postgres.url(database),
        redis_url=redis_server,
        serving_port=port,
        refresh_seconds=0.1,
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
