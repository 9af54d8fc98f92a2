"""Every fake behind the attributes of the real Services."""

from collections.abc import Callable

from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.fakes.cache import InMemoryPredictionCache
from tests.fakes.database import InMemoryDatabase
from tests.fakes.labels import InMemoryLabelSpaces, InMemoryLabelStore
from tests.fakes.objects import InMemoryObjectStore
from tests.fakes.predictions import InMemoryPredictionLog, InMemoryReviewQueue
from tests.fakes.registry import InMemoryModelRegistry
from tests.fakes.rollout import InMemoryRolloutLedger
from tests.fakes.training import InMemorySnapshotIndex, InMemorySplitLedger


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
        self.registry = InMemoryModelRegistry()
        self.cache = InMemoryPredictionCache(on_cache_error)
