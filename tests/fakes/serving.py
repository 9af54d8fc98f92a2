"""A whole serving worker without a socket: the real app over fakes of every service."""

import base64
import io
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from PIL import Image
from starlette.testclient import TestClient

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.digests import digest_files
from ml.domain.predictions import Arm, Prediction
from ml.domain.products import Product
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, save_files
from ml.serving.app import create_app
from ml.serving.bundle_source import BundleLoader
from ml.serving.metrics import Metrics
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.fakes.bundles import tiny_bundle
from tests.fakes.rollout import InMemoryLedgerNews

API_KEY = "the key of this installation"
REVIEWER_KEY = "the key of its reviewers"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def jpeg(colour: str = "red", size: tuple[int, int] = (32, 32)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for what a background thread does; fails when it never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@dataclass
class Worker:
    """Serving over fakes. `client` starts it; `restart` is a new process on the same disk."""

    settings: Settings
    services: FakeServices
    api_key: str = API_KEY
    reviewer_key: str = REVIEWER_KEY
    metrics: Metrics = field(default_factory=Metrics)
    load_bundle: BundleLoader = ModelBundle.from_files
    _stack: ExitStack = field(default_factory=ExitStack)
    _client: TestClient | None = None

    @property
    def client(self) -> TestClient:
        if self._client is None:
            # Each process hears of ledger entries by a connection of its own.
            self.services.ledger_news = InMemoryLedgerNews(self.services.database)
            app = create_app(
                self.services,
                self.settings,
                api_key=self.api_key,
                reviewer_key=self.reviewer_key,
                metrics=self.metrics,
                load_bundle=self.load_bundle,
                clock=lambda: NOW,
            )
            client = TestClient(app, headers={"X-API-Key": self.api_key})
            self._client = self._stack.enter_context(client)
        return self._client

    def stop(self) -> None:
        self._stack.close()
        self._client = None

    def publish(self, bundle: ModelBundle, *, version: int = 1) -> str:
        """Put a bundle into the object store and name it champion."""
        digest = self.store(bundle)
        self.promote(digest, version=version, label_space_version=bundle.label_space.version)
        return digest

    def store(self, bundle: ModelBundle) -> str:
        """Put a bundle into the object store; nobody serves it."""
        files = bundle.to_files()
        digest = digest_files(files)
        save_files(self.services.objects, bundle_prefix(digest), files)
        return digest

    def promote(
        self, digest: str, *, version: int, label_space_version: int = 1, **shadow: float
    ) -> None:
        """Name a champion; with `shadow_share` and `label_probability` it is watched."""
        self._decide(LedgerAction.PROMOTE, digest, version, label_space_version, **shadow)

    def challenge(
        self, digest: str, *, version: int, share: float, space: int = 1, **shadow: float
    ) -> str:
        """Begin a trial; returns the experiment's name."""
        self._decide(LedgerAction.CHALLENGE, digest, version, space, share=share, **shadow)
        challenger = self.services.ledger.rollout().challenger
        assert challenger is not None
        return challenger.experiment

    def roll_back(self, *, version: int) -> None:
        self._decide(LedgerAction.ROLLBACK, "", version, 1)

    def confirm(self, *, version: int) -> None:
        """End the watch over a champion."""
        self._decide(LedgerAction.CONFIRM, "", version, 1)

    def _decide(
        self,
        action: LedgerAction,
        digest: str,
        version: int,
        label_space_version: int,
        **shares: float,
    ) -> None:
        entries = len(self.services.ledger.history())
        self.services.ledger.append(
            LedgerChange(
                key=f"entry {entries}",
                action=action,
                model_version=version,
                bundle_digest=digest,
                label_space_version=label_space_version,
                reason="a test says so",
                actor="test",
                at=NOW,
                **shares,
            )
        )

    def colleague(self, *, load_bundle: BundleLoader = ModelBundle.from_files) -> "Worker":
        """Another worker of the same server: the same disk and services, memory of its own."""
        services = FakeServices(self.settings)
        for name in (
            "database",
            "objects",
            "label_spaces",
            "predictions",
            "shadows",
            "ledger",
            "cache",
        ):
            setattr(services, name, getattr(self.services, name))
        return Worker(self.settings, services, load_bundle=load_bundle)

    def classify(self, **product: Any) -> httpx2.Response:
        return self.client.post("/v1/classify", json={"product_id": "p1", **product})

    def arms(self, products: int) -> list[str]:
        """Which side answers each of some products, asked one by one."""
        answers = (self.classify(product_id=f"p{i}", title="book") for i in range(products))
        return [answer.json()["arm"] for answer in answers]

    def stored(self, prediction_id: str) -> bool:
        return prediction_id in self.services.database.predictions

    def answer_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the clients that are made from now on reach this worker, without a socket."""
        make = httpx.Client

        def answered(request: httpx.Request) -> httpx.Response:
            response = self.client.request(
                request.method,
                request.url.raw_path.decode(),
                content=request.content,
                headers=dict(request.headers),
            )
            return httpx.Response(
                response.status_code, headers=dict(response.headers), content=response.content
            )

        def connected(**options: Any) -> httpx.Client:
            return make(transport=httpx.MockTransport(answered), **options)

        monkeypatch.setattr("ml.serving.client.httpx.Client", connected)

    def spool_files(self) -> list[Path]:
        return list((self.settings.state / "serving" / "spool").rglob("*.*"))


@pytest.fixture
def empty_worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker before the first champion; every doubtful product goes to review."""
    settings = Settings(
        state=tmp_path,
        refresh_seconds=0.01,
        audit_share=1e-9,  # of nobody
        review_capacity_per_day=1e6,
        max_request_bytes=200_000,
        max_picture_bytes=100_000,
        max_picture_pixels=1_000_000,
        max_batch=4,
    )
    metrics = Metrics()
    services = FakeServices(settings, on_cache_error=metrics.cache_errors.inc)
    services.label_spaces.extend(["books", "shoes"], cause="import", at=NOW)
    worker = Worker(settings, services, metrics=metrics)
    yield worker
    worker.stop()


@pytest.fixture
def worker(empty_worker: Worker) -> Worker:
    """A worker with a champion."""
    empty_worker.publish(tiny_bundle())
    return empty_worker


def made_predictions(count: int, *, picture: str | None = None) -> list[Prediction]:
    """Predictions with ids of their own."""
    return [
        Prediction(
            prediction_id=uuid.uuid4().hex,
            product=Product(f"p{i}", f"title {i}", "", picture, NOW),
            model_version=1,
            arm=Arm.CHAMPION,
            label_space_version=1,
            probabilities=(0.75, 0.25),
            category="books",
            confidence=0.75,
            predicted_at=NOW,
        )
        for i in range(count)
    ]
