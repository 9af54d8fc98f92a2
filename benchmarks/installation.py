"""PostgreSQL, Redis and serving workers with two small models, for benchmarks of serving."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
from sqlalchemy import create_engine, text

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.digests import digest_files
from ml.domain.errors import RegainError
from ml.domain.labels import LabelSpace
from ml.models.bundle import BundleInfo, ModelBundle
from ml.models.files import bundle_prefix, save_files
from ml.models.fusion import Fusion
from ml.simulation.marketplace import Marketplace
from ml.stack import control
from ml.training.snapshot import SNAPSHOT_SCHEMA
from ml.training.text import train_text
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

WORKERS = 4
PATIENCE_SECONDS = 30.0
TRAINING_ROWS = 600
NOBODY = "http://127.0.0.1:9"  # neither MLflow nor Airflow is needed for a rollback


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
