"""Settings become adapters; each is made at first use, so a process pays only for what it needs."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ml.domain import ports
from ml.wiring import endpoints
from ml.wiring.config import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Services:
    """The adapters behind every port, as the settings name them.

    `on_cache_error` is told how many look-ups the prediction cache could not answer.
    """

    def __init__(
        self, settings: Settings, *, on_cache_error: Callable[[int], object] = lambda _: None
    ) -> None:
        self.settings = settings
        self._on_cache_error = on_cache_error

    @cached_property
    def _engine(self) -> "Engine":
        from ml.adapters.postgres.engine import make_engine

        return make_engine(endpoints.database_url(self.settings))

    @cached_property
    def objects(self) -> ports.ObjectStore:
        from ml.adapters.objects import open_object_store

        return open_object_store(
            endpoints.objects_url(self.settings), endpoint_url=self.settings.s3_endpoint_url
        )

    @cached_property
    def label_spaces(self) -> ports.LabelSpaces:
        from ml.adapters.postgres.label_spaces import PostgresLabelSpaces

        return PostgresLabelSpaces(self._engine)

    @cached_property
    def labels(self) -> ports.LabelStore:
        from ml.adapters.postgres.labels import PostgresLabelStore

        return PostgresLabelStore(self._engine)

    @cached_property
    def predictions(self) -> ports.PredictionLog:
        from ml.adapters.postgres.predictions import PostgresPredictionLog

        return PostgresPredictionLog(self._engine)

    @cached_property
    def reviews(self) -> ports.ReviewQueue:
        from ml.adapters.postgres.reviews import PostgresReviewQueue

        return PostgresReviewQueue(self._engine)

    @cached_property
    def snapshots(self) -> ports.SnapshotIndex:
        from ml.adapters.postgres.snapshots import PostgresSnapshotIndex

        return PostgresSnapshotIndex(self._engine)

    @cached_property
    def splits(self) -> ports.SplitLedger:
        from ml.adapters.postgres.splits import PostgresSplitLedger

        return PostgresSplitLedger(self._engine)

    @cached_property
    def ledger(self) -> ports.RolloutLedger:
        from ml.adapters.postgres.ledger import PostgresRolloutLedger

        return PostgresRolloutLedger(self._engine)

    @cached_property
    def ledger_news(self) -> ports.LedgerNews:
        from ml.adapters.postgres.news import PostgresLedgerNews

        return PostgresLedgerNews(endpoints.database_url(self.settings))

    @cached_property
    def shadows(self) -> ports.ShadowLog:
        from ml.adapters.postgres.shadows import PostgresShadowLog

        return PostgresShadowLog(self._engine)

    @cached_property
    def windows(self) -> ports.ServedWindows:
        from ml.adapters.postgres.windows import PostgresServedWindows

        return PostgresServedWindows(self._engine)

    @cached_property
    def drift_log(self) -> ports.DriftLog:
        from ml.adapters.postgres.drift_log import PostgresDriftLog

        return PostgresDriftLog(self._engine)

    @cached_property
    def alerts(self) -> ports.AlertOutbox:
        from ml.adapters.postgres.alerts import PostgresAlertOutbox

        return PostgresAlertOutbox(self._engine)

    @cached_property
    def drift_reports(self) -> ports.DriftReports:
        from ml.adapters.drift_reports import EvidentlyDriftReports

        return EvidentlyDriftReports()

    @cached_property
    def registry(self) -> ports.ModelRegistry:
        from ml.adapters.registry.mlflow_registry import MlflowRegistry

        return MlflowRegistry(endpoints.mlflow_url(self.settings))

    @cached_property
    def cache(self) -> ports.PredictionCache:
        from ml.adapters.cache import RedisPredictionCache

        return RedisPredictionCache(
            endpoints.redis_url(self.settings),
            ttl_seconds=self.settings.cache_seconds,
            on_error=self._on_cache_error,
        )
