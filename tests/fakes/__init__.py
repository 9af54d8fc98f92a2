"""In-memory fakes of every port; contract tests hold fakes and real adapters to one suite."""

from tests.fakes.cache import InMemoryPredictionCache
from tests.fakes.database import InMemoryDatabase
from tests.fakes.labels import InMemoryLabelSpaces, InMemoryLabelStore
from tests.fakes.objects import InMemoryObjectStore
from tests.fakes.predictions import InMemoryPredictionLog, InMemoryReviewQueue
from tests.fakes.registry import InMemoryModelRegistry
from tests.fakes.rollout import InMemoryRolloutLedger
from tests.fakes.services import FakeServices
from tests.fakes.training import InMemorySnapshotIndex, InMemorySplitLedger

__all__ = [
    "FakeServices",
    "InMemoryDatabase",
    "InMemoryLabelSpaces",
    "InMemoryLabelStore",
    "InMemoryModelRegistry",
    "InMemoryObjectStore",
    "InMemoryPredictionCache",
    "InMemoryPredictionLog",
    "InMemoryReviewQueue",
    "InMemoryRolloutLedger",
    "InMemorySnapshotIndex",
    "InMemorySplitLedger",
]
