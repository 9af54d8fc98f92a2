"""`make bench-switch`: how fast a rollback is gone from every answer, under load.

Four serving workers answer a closed loop of clients without a pause, mostly from the cache, while
versions are put on trial or promoted and rolled back again, 200 times. For each rollback: the time
from the ledger entry (the database's clock, at the start of the transaction that commits it) to the
last answer that any client got from the version that went. Every answer is held against what its
version says of the product, so that a cached answer of another version would be seen. A few
rollbacks without notification show what polling alone does.
"""

import json
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import create_engine, text

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.digests import digest_files
from ml.domain.errors import RegainError
from ml.domain.labels import LabelSpace
from ml.models.bundle import BundleInfo, ModelBundle, ModelInput
from ml.models.files import bundle_prefix, save_files
from ml.models.fusion import Fusion
from ml.serving.client import ProductRequest, ServingClient
from ml.simulation.marketplace import Marketplace
from ml.stack import control
from ml.training.snapshot import SNAPSHOT_SCHEMA
from ml.training.text import train_text
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

RESULT = Path("build/bench/switch.json")
ROLLBACKS = 200
POLLED_ROLLBACKS = 10
WORKERS = 4
CLIENTS = 8
PRODUCTS = 300
TRAINING_ROWS = 600
AFTERMATH_SECONDS = 1.2  # answers go on being watched, to see the last one of the old version
PATIENCE_SECONDS = 30.0
TOLERANCE = 1e-4  # of a confidence: workers and this process may add up in another order
NOBODY = "http://127.0.0.1:9"  # neither MLflow nor Airflow is needed for a rollback


@dataclass(frozen=True)
class Answer:
    """What a client got; times by the wall clock."""

    heard_at: float
    product: int
    version: int
    arm: str
    confidence: float


@dataclass
class Load:
    """Clients that ask for products without a pause, on their own threads."""

    url: str
    api_key: str
    titles: Sequence[str]
    answers: list[Answer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _ask(self, seed: int) -> None:
        rng = random.Random(seed)
        with ServingClient(self.url, api_key=self.api_key) as client:
            while not self._done.is_set():
                number = rng.randrange(len(self.titles))
                product = ProductRequest(product_id=f"p{number}", title=self.titles[number])
                try:
                    told = client.classify(product)
                except RegainError as error:
                    self.failed.append(str(error))
                    continue
                self.answers.append(
                    Answer(
                        time.time(),
                        number,
                        told["model_version"],
                        told["arm"],
                        told["confidence"],
                    )
                )


@dataclass(frozen=True)
class Switch:
    """One rollback of a version: when its entry was written, and who of which arm went."""

    version: int
    arm: str
    entry: LedgerEntry

    @property
    def at(self) -> float:
        return self.entry.recorded_at.timestamp()

    def milliseconds(self, answers: Sequence[Answer]) -> float:
        """From the entry to the last answer by the version; 0 when it gave none after it."""
        late = [each.heard_at for each in answers if each.version == self.version]
        return max(0.0, 1000 * (max(late, default=self.at) - self.at))


class Installation:
    """PostgreSQL, Redis and serving with two models; nothing else runs."""

    def __init__(self, state: Path) -> None:
        self.settings = Settings(
            state=state,
            mlflow_url=NOBODY,
            airflow_url=NOBODY,
            serving_port=18400,
            serving_workers=WORKERS,
        )
        self.services = Services(self.settings)
        self.bundles = _bundles()
        self._digests: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            control.up(self.settings)
            space = self.bundles[0].label_space
            self.services.label_spaces.extend(space.classes, cause="bench", at=_now())
            self._digests = [self._stored(bundle) for bundle in self.bundles]
            self.decide(LedgerAction.PROMOTE, 1)
            self.wait_for_workers()
            yield
        finally:
            control.down(self.settings)

    def _stored(self, bundle: ModelBundle) -> str:
        files = bundle.to_files()
        digest = digest_files(files)
        save_files(self.services.objects, bundle_prefix(digest), files)
        return digest

    def wait_for_workers(self) -> None:
        """Until every worker has loaded the champion: a load that comes earlier is refused."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        url = f"{endpoints.serving_url(self.settings)}/metrics"
        while (
            len(re.findall(r"^regain_model_version{.*} 1\.0$", httpx.get(url).text, re.M)) < WORKERS
        ):
            if time.monotonic() > deadline:
                raise RegainError("not every worker serves; see the serving log")
            time.sleep(0.1)

    def decide(self, action: LedgerAction, version: int) -> LedgerEntry:
        """Version 1 is the first model, every later one the second."""
        trial = action is LedgerAction.CHALLENGE
        change = LedgerChange(
            key=f"{action}-{version}",
            action=action,
            model_version=version,
            bundle_digest=self._digests[0 if version == 1 else 1],
            label_space_version=1,
            reason="bench-switch",
            actor="bench-switch",
            at=_now(),
            share=0.5 if trial else None,
            shadow_share=1.0 if trial else None,
            label_probability=0.01 if trial else None,
        )
        return self.services.ledger.append(change)

    def client(self) -> tuple[str, str]:
        """Address and key of the serving API."""
        return endpoints.serving_url(self.settings), load_secrets(self.settings.state).api_key

    @contextmanager
    def unannounced(self) -> Iterator[None]:
        """Ledger entries without a notification: what polling alone finds."""
        engine = create_engine(endpoints.database_url(self.settings))
        for verb in ("DISABLE", "ENABLE"):
            with engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE rollout_ledger {verb} TRIGGER announce"))
            if verb == "DISABLE":
                yield
        engine.dispose()


def _now() -> datetime:
    return datetime.now(UTC)


def _bundles() -> list[ModelBundle]:
    """Two text models of one label space that are sure of the same products to other degrees."""
    products = list(Marketplace(seed=42).products(TRAINING_ROWS))
    rows = pa.Table.from_pylist(
        [
            {
                "product_id": each.product_id,
                "title": each.title,
                "description": each.description,
                "category": each.category,
                "inclusion_probability": 1.0,
            }
            for each in products
        ],
        schema=SNAPSHOT_SCHEMA,
    )
    space = LabelSpace(1, tuple(sorted({each.category for each in products})))
    fitted, held_out = rows.slice(0, TRAINING_ROWS * 3 // 4), rows.slice(TRAINING_ROWS * 3 // 4)
    model = train_text(fitted, held_out, label_space=space, seed=42)
    info = BundleInfo("bench", _now().isoformat(), 42, 0.25)
    first = ModelBundle(space, model, None, Fusion(0.0), 1.0, info)
    return [first, replace(first, temperature=3.0)]


def switch(installation: Installation, load: Load, version: int, *, trial: bool) -> Switch:
    """Put a version on trial (or promote it), wait for its answers, and roll it back."""
    begun = len(load.answers)
    installation.decide(LedgerAction.CHALLENGE if trial else LedgerAction.PROMOTE, version)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(each.version == version for each in load.answers[begun:]) < 2 * CLIENTS:
        if time.monotonic() > deadline:
            raise RegainError(f"version {version} never answered; see the serving log")
        time.sleep(0.05)
    entry = installation.decide(LedgerAction.ROLLBACK, version)
    time.sleep(AFTERMATH_SECONDS)
    return Switch(version, "challenger" if trial else "champion", entry)


def stale_answers(
    answers: Sequence[Answer], switches: Sequence[Switch], confidences: Sequence[Sequence[float]]
) -> int:
    """Answers with what another model says than the one they name, or by one long rolled back."""
    gone = {each.version: each.at + AFTERMATH_SECONDS for each in switches}
    stale = 0
    for answer in answers:
        expected = confidences[0 if answer.version == 1 else 1][answer.product]
        other = abs(answer.confidence - expected) > TOLERANCE
        stale += other or answer.heard_at > gone.get(answer.version, np.inf)
    return stale


def _summary(
    switches: Sequence[Switch], polled: Sequence[Switch], load: Load, installation: Installation
) -> dict[str, object]:
    inputs = [ModelInput(title, "", None) for title in load.titles]
    confidences = [
        bundle.predict(inputs).probabilities.max(axis=1).tolist() for bundle in installation.bundles
    ]
    times = np.array([each.milliseconds(load.answers) for each in switches])
    by_polling = np.array([each.milliseconds(load.answers) for each in polled])
    return {
        "switch_p50_ms": float(np.percentile(times, 50)),
        "switch_p99_ms": float(np.percentile(times, 99)),
        "switch_max_ms": float(times.max()),
        "polled_p50_ms": float(np.percentile(by_polling, 50)),
        "polled_max_ms": float(by_polling.max()),
        "ratio_polled_to_notified": float(np.median(by_polling) / max(np.median(times), 1e-3)),
        "rollbacks": len(switches),
        "requests": len(load.answers),
        "failed_requests": len(load.failed),
        "stale_cache_answers": stale_answers(load.answers, switches, confidences),
    }


def measure(rollbacks: int = ROLLBACKS, polled: int = POLLED_ROLLBACKS) -> Mapping[str, object]:
    """Run it all on an installation of its own; returns what goes into the JSON file."""
    market = Marketplace(seed=7)
    titles = [each.title for each in market.products(PRODUCTS)]
    with tempfile.TemporaryDirectory(prefix="regain-bench-") as folder:
        installation = Installation(Path(folder))
        with installation.running():
            load = Load(*installation.client(), titles)
            with load.running():
                versions = iter(range(2, 2 + rollbacks + polled))
                switches = [
                    switch(installation, load, next(versions), trial=number % 2 == 0)
                    for number in track(range(rollbacks), "rollbacks under load")
                ]
                with installation.unannounced():
                    unheard = [
                        switch(installation, load, next(versions), trial=number % 2 == 0)
                        for number in track(range(polled), "without notification")
                    ]
            summary = _summary(switches, unheard, load, installation)
    cells = [
        {"version": each.version, "arm": each.arm, "milliseconds": each.milliseconds(load.answers)}
        for each in switches
    ]
    terms = {"workers": WORKERS, "clients": CLIENTS, "failures": load.failed[:10]}
    return {"summary": summary, "terms": terms, "cells": cells}


def main() -> None:
    """Measure, show, and write build/bench/switch.json."""
    console = Console()
    result = measure()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    table = Table("figure", "value", title="From a rollback's ledger entry to the last old answer")
    summary = result["summary"]
    assert isinstance(summary, dict)
    for name, value in summary.items():
        table.add_row(name, f"{value:,.1f}" if isinstance(value, float) else f"{value:,}")
    console.print(table)
    console.print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
