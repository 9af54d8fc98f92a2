"""What was answered, who is asked to check it, and spans of both."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from ml.domain.predictions import Prediction, ReviewItem


class PredictionLog(Protocol):
    """Every answered prediction, once."""

    def append(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions with their product revisions and selections in one transaction.

        Returns how many were new; known ids are left as they are.
        """
        ...

    def get(self, prediction_id: str) -> Prediction:
        """One prediction with its selections, those of a later disagreement included.

        Raises NotFound.
        """
        ...

    def count(self) -> int: ...


class ReviewQueue(Protocol):
    """Products chosen for review whose selections are not all settled.

    The votes on a selection are the review labels of the product as it was shown, whichever
    selection they were given for, the latest of each reviewer; on a DISAGREEMENT only those given
    since it was drawn. It is settled when `labels.settled_category` finds a category in them.
    """

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        """Lease the product of the oldest open selection to a reviewer; None when nothing waits.

        Until the lease ends, by time or by the reviewer's vote, no other reviewer gets the
        product; and nobody gets one for a selection that they have voted on.
        """
        ...

    def waiting(self) -> int:
        """How many products, as they were shown, have an open selection, leased or not."""
        ...


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

# Columns of ServedWindows.selected, one row a product that people were asked to check; `votes` are
# all review labels of the product as it was shown, oldest first:
SELECTED_SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("predicted_at", pa.timestamp("us", tz="UTC")),
        ("category", pa.string()),  # what the model said
        ("confidence", pa.float64()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("picture", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("reviews", pa.int32()),
        ("inclusion_probability", pa.float64()),
        ("votes", pa.list_(pa.struct([("reviewer", pa.string()), ("category", pa.string())]))),
    ]
)

# Columns of ServedWindows.totals, one row a category that was answered, in its order:
TOTALS_SCHEMA = pa.schema(
    [("category", pa.string()), ("products", pa.int64()), ("confidence_sum", pa.float64())]
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

    def selected(
        self,
        model_version: int,
        *,
        as_of: datetime,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        """Products drawn for review by `as_of`, labelled by then or not yet, SELECTED_SCHEMA.

        Of a version's answers in a span of `predicted_at` (inclusive), oldest first. A product as
        it was shown counts once, as it was first drawn. Its inclusion probability is that of any
        coin that this answer faced coming up, a disagreement's that did not included.
        """
        ...

    def totals(
        self, model_version: int, *, since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """What a version answered in a span, TOTALS_SCHEMA: each product as it was shown once."""
        ...
