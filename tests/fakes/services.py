"""Every fake behind the attributes of the real Services."""

from collections.abc import Callable

from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.fakes.alerts import InMemoryAlertOutbox, InMemoryDriftLog
from tests.fakes.cache import InMemoryPredictionCache
from tests.fakes.comparisons import InMemoryShadowLog
from tests.fakes.database import InMemoryDatabase
from tests.fakes.drift_reports import PlainDriftReports
from tests.fakes.labels import InMemoryLabelSpaces, InMemoryLabelStore
from tests.fakes.objects import InMemoryObjectStore
from tests.fakes.predictions import InMemoryPredictionLog
from tests.fakes.registry import InMemoryModelRegistry
from tests.fakes.reviews import InMemoryReviewQueue
from tests.fakes.rollout import InMemoryLedgerNews, InMemoryRolloutLedger
from tests.fakes.training import InMemorySnapshotIndex, InMemorySplitLedger
from tests.fakes.windows import InMemoryServedWindows


class FakeServices(Services):
    """Services without a service. `database.down = True` is PostgreSQL away, `cache.down` Redis."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        on_cache_error: Callable[[int], object] = lambda _: None,
    ) -> None:
        super().__init__(settings or Settings())
        self.database = InMemoryDatabase()
        self.objects = InMemoryObjectStore()
        self.label_spaces = InMemoryLabelSpaces(self.database)
        self.labels = InMemoryLabelStore(self.database)
        self.predictions = InMemoryPredictionLog(self.database)
        self.reviews = InMemoryReviewQueue(self.database)
        self.snapshots = InMemorySnapshotIndex(self.database)
        self.splits = InMemorySplitLedger(self.database)
        self.ledger = InMemoryRolloutLedger(self.database)
        self.ledger_news = InMemoryLedgerNews(self.database)
        self.shadows = InMemoryShadowLog(self.database)
        self.windows = InMemoryServedWindows(self.database)
        self.drift_log = InMemoryDriftLog(self.database)
        self.alerts = InMemoryAlertOutbox(self.database)
        self.drift_reports = PlainDriftReports()
        self.registry = InMemoryModelRegistry()
        self.cache = InMemoryPredictionCache(on_cache_error)
