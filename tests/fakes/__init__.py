"""In-memory fakes of every port; contract tests hold fakes and real adapters to one suite."""

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
from tests.fakes.services import FakeServices
from tests.fakes.training import InMemorySnapshotIndex, InMemorySplitLedger
from tests.fakes.windows import InMemoryServedWindows

__all__ = [
    "FakeServices",
    "InMemoryAlertOutbox",
    "InMemoryDatabase",
    "InMemoryDriftLog",
    "InMemoryLabelSpaces",
    "InMemoryLabelStore",
    "InMemoryLedgerNews",
    "InMemoryModelRegistry",
    "InMemoryObjectStore",
    "InMemoryPredictionCache",
    "InMemoryPredictionLog",
    "InMemoryReviewQueue",
    "InMemoryRolloutLedger",
    "InMemoryServedWindows",
    "InMemoryShadowLog",
    "InMemorySnapshotIndex",
    "InMemorySplitLedger",
    "PlainDriftReports",
]
