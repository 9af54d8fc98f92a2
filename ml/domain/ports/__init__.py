"""The ports: what regain needs from the world. Adapters implement them; tests have in-memory fakes.

Every write is idempotent: repeating it after a crash changes nothing. Methods raise
ServiceUnavailable when the service behind them can't be reached.
"""

from ml.domain.ports.comparisons import DRAWN_SCHEMA, ShadowLog
from ml.domain.ports.drift import (
    AlertOutbox,
    DriftFigures,
    DriftLog,
    DriftReports,
)
from ml.domain.ports.labels import (
    LABEL_SCHEMA,
    LabelSpaces,
    LabelStore,
    SnapshotIndex,
    SplitLedger,
    SplitRecord,
)
from ml.domain.ports.predictions import (
    OUTCOME_SCHEMA,
    SELECTED_SCHEMA,
    TOTALS_SCHEMA,
    WINDOW_SCHEMA,
    PredictionLog,
    ReviewQueue,
    ServedWindows,
)
from ml.domain.ports.registry import (
    Candidate,
    ModelRegistry,
    ModelVersion,
)
from ml.domain.ports.rollout import (
    LedgerNews,
    RolloutLedger,
)
from ml.domain.ports.storage import (
    ObjectStore,
    PredictionCache,
)

__all__ = [
    "DRAWN_SCHEMA",
    "LABEL_SCHEMA",
    "OUTCOME_SCHEMA",
    "SELECTED_SCHEMA",
    "TOTALS_SCHEMA",
    "WINDOW_SCHEMA",
    "AlertOutbox",
    "Candidate",
    "DriftFigures",
    "DriftLog",
    "DriftReports",
    "LabelSpaces",
    "LabelStore",
    "LedgerNews",
    "ModelRegistry",
    "ModelVersion",
    "ObjectStore",
    "PredictionCache",
    "PredictionLog",
    "ReviewQueue",
    "RolloutLedger",
    "ServedWindows",
    "ShadowLog",
    "SnapshotIndex",
    "SplitLedger",
    "SplitRecord",
]
