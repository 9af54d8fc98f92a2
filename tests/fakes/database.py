"""The state that the fakes of one database share, so that what one writes another reads."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ml.adapters.postgres.checks import checked_row
from ml.domain.comparisons import Cohort, ShadowScore
from ml.domain.decisions import LedgerEntry
from ml.domain.drift import Alert, Attempt, DriftCheck
from ml.domain.errors import ServiceUnavailable
from ml.domain.labels import Label, LabelSpace, Part, SnapshotRef
from ml.domain.predictions import Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product


@dataclass
class LeasedAttempt:
    """A try at an alert and, on the database's clock, when its lease ends."""

    claimant: str
    leased_until: float
    succeeded: bool | None = None
    detail: str = ""

    def seen_at(self, now: float) -> Attempt:
        if self.succeeded is None and self.leased_until <= now:
            return Attempt(self.claimant, False, "its lease ran out")
        return Attempt(self.claimant, self.succeeded, self.detail)


@dataclass(frozen=True)
class Selected:
    """A coin that came up for a product, and when."""

    selection: ReviewSelection
    product: Product
    at: datetime


@dataclass(frozen=True)
class Lease:
    """Who looks at a product, and until when on the database's clock."""

    product_id: str
    reviewer: str
    until: float


@dataclass
class InMemoryDatabase:
    """Rows by key. Set `down` to make every fake on it raise ServiceUnavailable."""

    down: bool = False
    clock: Callable[[], float] = time.monotonic
    label_spaces: dict[int, LabelSpace] = field(default_factory=dict)
    products: dict[tuple[str, str], Product] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)
    selections: dict[tuple[str, SelectionReason], Selected] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    snapshots: dict[str, SnapshotRef] = field(default_factory=dict)
    split_products: dict[str, Part] = field(default_factory=dict)
    split_keys: dict[str, Part] = field(default_factory=dict)
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    shadow_scores: dict[tuple[str, str, str], ShadowScore] = field(default_factory=dict)
    cohorts: dict[tuple[str, int], Cohort] = field(default_factory=dict)
    drift_checks: dict[str, DriftCheck] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    attempts: dict[str, list[LeasedAttempt]] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)
    showing: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer or reader at a time; raises ServiceUnavailable while the database is down.

        `news` is the lock, and tells those who wait for ledger entries.
        """
        with self.news:
            if self.down:
                raise ServiceUnavailable(
                    "PostgreSQL did not answer: it is down; see `regain status`"
                )
            yield

    def select(self, selection: ReviewSelection, product: Product, *, at: datetime) -> None:
        """Put a product before people; a coin that came up before stays as it was."""
        key = (selection.prediction_id, selection.reason)
        self.selections.setdefault(key, Selected(selection, product, at))

    def keep_products(self, products: Iterable[Product]) -> None:
        """Store revisions, all or none; the first one of each digest stays."""
        kept = list(products)
        for product in kept:
            checked_row(vars(product))
        for product in kept:
            self.products.setdefault((product.product_id, product.digest), product)
