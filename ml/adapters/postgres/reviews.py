"""The review queue: products whose reviews are not in, leased to one reviewer at a time."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, and_, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from ml.adapters.postgres.checks import checked_text
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.rows import product_of
from ml.adapters.postgres.tables import labels, products, review_leases, review_selections
from ml.domain.labels import LabelSource
from ml.domain.predictions import ReviewItem, SelectionReason

_SELECTION, _LEASE = review_selections.c, review_leases.c


def _same_revision(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.product_id == _SELECTION.product_id,
        table.c.product_digest == _SELECTION.product_digest,
    )


_COUNTS = and_(
    _same_revision(labels),
    labels.c.source == LabelSource.REVIEW.value,
    or_(
        _SELECTION.reason != SelectionReason.DISAGREEMENT.value,
        labels.c.labelled_at >= _SELECTION.selected_at,
    ),
)
"""Which labels are votes on a selection; a disagreement is for fresh eyes."""


def _unsettled() -> ColumnElement[bool]:
    """Whether a selection still needs a vote, as `settled_category` has it.

    Most selections have their one vote: that is looked up first, in the index alone.
    """
    latest = (
        select(labels.c.category)
        .where(_COUNTS)
        .correlate(review_selections)
        .ext(distinct_on(labels.c.reviewer))
        .order_by(labels.c.reviewer, labels.c.labelled_at.desc(), labels.c.label_id.desc())
        .subquery()
    )
    voters, categories = func.count(), func.count(latest.c.category.distinct())
    open_ = or_(voters < 2, and_(voters == 2, categories == 2))
    second = select(open_).select_from(latest).scalar_subquery()
    return or_(~exists().where(_COUNTS), and_(_SELECTION.reviews == 2, second))


def _is_leased() -> ColumnElement[bool]:
    """Whether somebody looks at the product now; a vote ends its reviewer's lease."""
    voted = (
        exists()
        .where(_COUNTS, labels.c.reviewer == _LEASE.reviewer)
        .correlate(review_selections, review_leases)
    )
    return exists().where(
        _LEASE.product_id == _SELECTION.product_id,
        _LEASE.leased_until > func.clock_timestamp(),
        ~voted,
    )


class PostgresReviewQueue:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        """Lease the product that has waited longest to a reviewer; None when nothing waits.

        Reviewers take turns here, so no two get the same product, not even by two predictions
        of it. Leases end by the database's clock.
        """
        checked_text("reviewer", reviewer)
        with transaction(self._engine) as connection:
            lock(connection, "review_queue")
            row = connection.execute(_oldest_waiting(reviewer)).first()
            if row is None:
                return None
            lease = {
                "reviewer": reviewer,
                "leased_until": func.clock_timestamp() + timedelta(seconds=lease_seconds),
            }
            connection.execute(
                insert(review_leases)
                .values(prediction_id=row.prediction_id, product_id=row.product_id, **lease)
                .on_conflict_do_update(index_elements=["prediction_id"], set_=lease)
            )
            return ReviewItem(row.prediction_id, product_of(row))

    def waiting(self) -> int:
        """How many products, as they stand, wait for a review, leased or not."""
        revisions = (
            select(_SELECTION.product_id, _SELECTION.product_digest)
            .where(_unsettled())
            .distinct()
            .subquery()
        )
        with transaction(self._engine) as connection:
            return connection.scalar(select(func.count()).select_from(revisions)) or 0


def _oldest_waiting(reviewer: str) -> Select[Any]:
    voted = exists().where(_COUNTS, labels.c.reviewer == reviewer)
    return (
        select(_SELECTION.prediction_id, products)
        .select_from(review_selections.join(products, _same_revision(products)))
        .where(_unsettled(), ~voted, ~_is_leased())
        .order_by(_SELECTION.selected_at, _SELECTION.prediction_id)
        .limit(1)
    )
