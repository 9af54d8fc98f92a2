"""Each contract is tried on the fakes (fast, unmarked) and on the real services (`integration`)."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from ml.adapters.postgres.alerts import PostgresAlertOutbox
from ml.adapters.postgres.drift_log import PostgresDriftLog
from ml.adapters.postgres.engine import make_engine
from ml.adapters.postgres.label_spaces import PostgresLabelSpaces
from ml.adapters.postgres.labels import PostgresLabelStore
from ml.adapters.postgres.ledger import PostgresRolloutLedger
from ml.adapters.postgres.predictions import PostgresPredictionLog
from ml.adapters.postgres.reviews import PostgresReviewQueue
from ml.adapters.postgres.shadows import PostgresShadowLog
from ml.adapters.postgres.snapshots import PostgresSnapshotIndex
from ml.adapters.postgres.splits import PostgresSplitLedger
from ml.adapters.postgres.windows import PostgresServedWindows
from tests.examples import CLASSES, START
from tests.fakes import FakeServices

FAKE_AND_REAL = ["fake", pytest.param("real", marks=pytest.mark.integration)]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def real_stores(engine: Engine) -> SimpleNamespace:
    """Every adapter of PostgreSQL on one fresh database."""
    return SimpleNamespace(
        label_spaces=PostgresLabelSpaces(engine),
        labels=PostgresLabelStore(engine),
        predictions=PostgresPredictionLog(engine),
        reviews=PostgresReviewQueue(engine),
        shadows=PostgresShadowLog(engine),
        snapshots=PostgresSnapshotIndex(engine),
        splits=PostgresSplitLedger(engine),
        ledger=PostgresRolloutLedger(engine),
        windows=PostgresServedWindows(engine),
        drift_log=PostgresDriftLog(engine),
        alerts=PostgresAlertOutbox(engine),
    )


@pytest.fixture(params=FAKE_AND_REAL)
def stores(request: pytest.FixtureRequest) -> object:
    """The fakes of one database, or the adapters of PostgreSQL on a fresh one."""
    return FakeServices() if request.param == "fake" else request.getfixturevalue("real_stores")


@pytest.fixture
def labelled(stores: SimpleNamespace) -> SimpleNamespace:
    """The same, with the categories of the examples as label space version 1."""
    stores.label_spaces.extend(CLASSES, cause="import", at=START)
    return stores
