"""The two windows that a check compares: what a version answered first, and what it answers now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.drift import Window
from ml.domain.ports import ServedWindows

_NEXT_MOMENT = timedelta(microseconds=1)  # times are kept to the microsecond


@dataclass(frozen=True, kw_only=True)
class WindowPolicy:
    """How large windows are, in products; with `window_days` the current one is that span."""

    reference_products: int
    window_products: int
    window_days: float | None


@dataclass(frozen=True)
class Windows:
    """Two spans of one version's answers that share no product, columns as in WINDOW_SCHEMA."""

    reference: pa.Table
    current: pa.Table

    @property
    def products(self) -> int:
        """How many the smaller one has."""
        return int(min(self.reference.num_rows, self.current.num_rows))


def read_windows(
    served: ServedWindows, model_version: int, *, as_of: datetime, policy: WindowPolicy
) -> Windows:
    """The windows of a version as they were at `as_of`, the same each time.

    The current one begins after the reference's end, so it is empty until the reference is full.
    """
    reference = served.first(model_version, products=policy.reference_products, until=as_of)
    if not reference.num_rows:
        return Windows(reference, reference)
    after = span(reference).end + _NEXT_MOMENT
    if policy.window_days is None:
        newest = served.last(model_version, products=policy.window_products, until=as_of)
        return Windows(reference, newest.filter(pc.greater_equal(newest["predicted_at"], after)))
    since = max(after, as_of - timedelta(days=policy.window_days))
    current = served.last(model_version, products=policy.window_products, until=as_of, since=since)
    return Windows(reference, current)


def span(window: pa.Table) -> Window:
    """From when to when a window that is not empty reaches."""
    times = pc.min_max(window["predicted_at"]).as_py()
    return Window(times["min"], times["max"], window.num_rows)
