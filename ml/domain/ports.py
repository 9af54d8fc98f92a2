"""The ports: what regain needs from the world. Adapters implement them; tests have in-memory fakes.

Every write is idempotent: repeating it after a crash changes nothing. Methods raise
ServiceUnavailable when the service behind them can't be reached.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from ml.domain.decisions import LedgerChange, LedgerEntry
from ml.domain.drift import Action, Alert, AlertRecord, DriftCheck
from ml.domain.labels import Label, LabelSpace, Part, SnapshotRef
from ml.domain.predictions import Prediction, ReviewItem
from ml.domain.products import Product
from ml.domain.rollouts import Champion, Rollout


class ObjectStore(Protocol):
    """Bytes under keys such as `pictures/ab/abcd...`; a key is written whole or not at all."""

    def put(self, key: str, data: bytes) -> str:
        """Store the bytes, replacing what is there, and return the object's URI."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes; raises NotFound."""
        ...

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below a prefix, sorted."""
        ...

    def uri(self, key: str) -> str: ...

    def key(self, uri: str) -> str:
        """Key of a URI of this store; raises InvalidInput for any other URI (or one with `..`)."""
        ...


class LabelSpaces(Protocol):
    """The versions of the label space."""

    def current(self) -> LabelSpace:
        """The newest version; EMPTY_LABEL_SPACE when there is none yet."""
        ...

    def get(self, version: int) -> LabelSpace:
        """One version; raises NotFound."""
        ...

    def extend(self, categories: Iterable[str], *, cause: str, at: datetime) -> LabelSpace:
        """Add what is new as the next version and return the newest; safe under concurrency."""
        ...


# Columns of LabelStore.read and of the snapshot's input, one row a label, joined with its product:
LABEL_SCHEMA = pa.schema(
    [
        ("label_id", pa.string()),
        ("product_id", pa.string()),
        ("product_digest", pa.string()),
        ("category", pa.string()),
        ("label_space_version", pa.int32()),
        ("source", pa.string()),
        ("reviewer", pa.string()),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
        ("prediction_id", pa.string()),
        ("inclusion_probability", pa.float64()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("picture", pa.string()),
        ("listed_at", pa.timestamp("us", tz="UTC")),
    ]
)


class LabelStore(Protocol):
    """Append-only labels and the product revisions they speak of."""

    def append(self, labels: Sequence[Label], products: Sequence[Product] = ()) -> int:
        """Store labels (and the revisions they refer to) in one transaction.

        Returns how many labels were new. A label of an unknown product revision raises NotFound.
        """
        ...

    def read(self, as_of: datetime) -> pa.Table:
        """All labels given up to `as_of` (inclusive), LABEL_SCHEMA, in no particular order."""
        ...


class PredictionLog(Protocol):
    """Every answered prediction, once."""

    def append(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions with their product revisions and selections in one transaction.

        Returns how many were new; known ids are left as they are.
        """
        ...

    def get(self, prediction_id: str) -> Prediction:
        """One prediction with its selections; raises NotFound."""
        ...

    def count(self) -> int: ...


class ReviewQueue(Protocol):
    """Products chosen for review and not yet labelled."""

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        """Lease the oldest waiting product to a reviewer; None when nothing waits.

        Until the lease ends no other reviewer gets it; a product that has a review label, as it
        stands, is done.
        """
        ...

    def waiting(self) -> int: ...


class SnapshotIndex(Protocol):
    """The frozen snapshots, recorded after their files are complete."""

    def record(self, snapshot: SnapshotRef) -> None: ...

    def get(self, digest: str) -> SnapshotRef:
        """One snapshot; raises NotFound."""
        ...


@dataclass(frozen=True)
class SplitRecord:
    """The permanent part of one product; `keys` are the digests of its title and picture group."""

    product_id: str
    part: Part
    keys: tuple[str, ...]


class SplitLedger(Protocol):
    """The permanent split: what was recorded first stays."""

    def parts_of_products(self, product_ids: Sequence[str]) -> dict[str, Part]:
        """Parts of the products already assigned."""
        ...

    def parts_of_keys(self, keys: Sequence[str]) -> dict[str, Part]:
        """Parts of the group keys already assigned."""
        ...

    def record(self, records: Sequence[SplitRecord], keys: Mapping[str, Part]) -> None:
        """Record new products and group keys in one transaction; what exists stays as it is."""
        ...


class RolloutLedger(Protocol):
    """The one truth for who serves."""

    def append(self, change: LedgerChange, *, seen: int | None = None) -> LedgerEntry:
        """Record a change, or return the entry already recorded under its key.

        `seen` is the `Rollout.entry_id` that a decision was based on: when the rollout has moved on
        since, Conflict is raised and nothing is written. None: the change does not depend on it.
        Raises InvalidInput for a rollback to nowhere, or a challenge without champion or share.
        """
        ...

    def rollout(self) -> Rollout:
        """Who serves now."""
        ...

    def champion(self) -> Champion | None: ...

    def history(self) -> list[LedgerEntry]:
        """All entries, oldest first."""
        ...


class LedgerNews(Protocol):
    """Word of new ledger entries, faster than asking; a hint, so nothing is lost without it."""

    def wait(self, seconds: float) -> None:
        """Return soon after an entry was appended, after `seconds` at the latest; never raises."""
        ...

    def close(self) -> None: ...


# Columns of ServedWindows.first and last, one row a prediction, oldest first; after them one
# float64 column a signal, named after it, null where a product has not that signal:
WINDOW_SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("predicted_at", pa.timestamp("us", tz="UTC")),
        ("category", pa.string()),
        ("confidence", pa.float64()),
    ]
)

# Columns of ServedWindows.outcomes, one row a prediction that a reviewer labelled:
OUTCOME_SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("product_id", pa.string()),
        ("model_version", pa.int32()),
        ("arm", pa.string()),
        ("category", pa.string()),  # what the model said
        ("label", pa.string()),  # what the reviewer said
        ("confidence", pa.float64()),
        ("inclusion_probability", pa.float64()),
        ("predicted_at", pa.timestamp("us", tz="UTC")),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
    ]
)


class ServedWindows(Protocol):
    """Spans of the prediction log, as drift checks and judges look at them.

    Ties of `predicted_at` are ordered by prediction id, so a window is the same each time.
    """

    def first(self, model_version: int, *, products: int, until: datetime) -> pa.Table:
        """The first predictions a version ever gave, up to `until` (inclusive)."""
        ...

    def last(
        self, model_version: int, *, products: int, until: datetime, since: datetime | None = None
    ) -> pa.Table:
        """The last predictions of a version up to `until`.

        With `since` (inclusive) the window is that span, and when it has more than `products`
        predictions an even sample of them, the same each time.
        """
        ...

    def outcomes(
        self,
        *,
        as_of: datetime,
        model_version: int | None = None,
        experiment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        """Predictions with the review label given by `as_of` (the first one), OUTCOME_SCHEMA.

        Of a version, of an experiment, and of a span of `predicted_at` (inclusive), where given.
        """
        ...


class DriftLog(Protocol):
    """The drift checks that were made."""

    def record(self, check: DriftCheck, alerts: Sequence[Alert] = ()) -> None:
        """Store a check and put its alerts into the outbox, in one transaction; once each."""
        ...

    def get(self, check_id: str) -> DriftCheck:
        """One check; raises NotFound."""
        ...

    def recent(self, *, limit: int, model_version: int | None = None) -> list[DriftCheck]:
        """The newest checks (of a version) by `as_of`, newest first."""
        ...


class AlertOutbox(Protocol):
    """Alerts until somebody has acted on them. A delivery is a hint, this is the truth."""

    def claim(
        self, action: Action, *, claimant: str, lease_seconds: float, max_attempts: int
    ) -> Alert | None:
        """Lease the oldest alert of this action that nobody works on; None when there is none.

        Alerts that succeeded, or failed `max_attempts` times, are done. A lease ends with the
        claimant's settlement or, by the database's clock, after `lease_seconds`; one that ran out
        counts as a failed attempt. A claimant that asks again gets the alert it holds, its lease
        renewed; one that has settled gets None.
        """
        ...

    def settle(
        self,
        alert_id: str,
        *,
        claimant: str,
        succeeded: bool,
        detail: str,
        raises: Sequence[Alert] = (),
    ) -> bool:
        """End a claimant's attempt, and raise further alerts, in one transaction.

        Returns False, and changes nothing, when the claimant has settled before, or when it no
        longer holds the lease and another attempt has begun or succeeded. Raises NotFound for an
        alert that this claimant never claimed.
        """
        ...

    def history(self) -> list[AlertRecord]:
        """All alerts with their attempts, oldest first."""
        ...


@dataclass(frozen=True)
class DriftFigures:
    """What a drift report measured: a KS p-value a signal, the KL divergence of the predicted
    classes (nats), and the report itself as a page."""

    p_values: Mapping[str, float]
    divergence: float
    html: bytes


class DriftReports(Protocol):
    """Compares two windows of the prediction log."""

    def compare(
        self, reference: pa.Table, current: pa.Table, *, signals: Sequence[str]
    ) -> DriftFigures:
        """KS of the signals' columns and KL of `category`, current against reference."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A trained bundle with everything the registry shows about it.

    `key` names it for ever: registering the same key again returns the version that exists.
    `files` are the bundle's, `reports` further artifacts by path (pictures, JSON), `metrics` flat
    floats, `params` and `tags` flat strings.
    """

    key: str
    bundle_digest: str
    files: Mapping[str, bytes]
    reports: Mapping[str, bytes]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    snapshot: SnapshotRef
    label_space: LabelSpace
    as_of: datetime


@dataclass(frozen=True)
class ModelVersion:
    """A registered version, as the registry tells it; `url` opens its page."""

    version: int
    key: str
    run_id: str
    bundle_digest: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    url: str


class ModelRegistry(Protocol):
    """The registry ML engineers look at; aliases follow the rollout ledger."""

    def register(self, candidate: Candidate) -> ModelVersion:
        """Log the run and create the version, once per key, however often it is called."""
        ...

    def get(self, version: int) -> ModelVersion:
        """One version; raises NotFound."""
        ...

    def files(self, version: int) -> dict[str, bytes]:
        """The bundle's files of one version; raises NotFound."""
        ...

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Add tags to a version, such as the gate's decision."""
        ...

    def set_alias(self, alias: str, version: int) -> None: ...

    def drop_alias(self, alias: str) -> None:
        """Remove an alias; one that does not exist is fine."""
        ...

    def aliases(self) -> dict[str, int]: ...


class PredictionCache(Protocol):
    """Cached probabilities; a lost or unreachable cache is a miss, never an error."""

    def get(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put(self, entries: Mapping[str, bytes]) -> None: ...
