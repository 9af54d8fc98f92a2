"""The review queue: selections without a label, leased to one reviewer at a time."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Select, and_, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from ml.adapters.postgres.checks import checked_text
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.rows import product_of
from ml.adapters.postgres.tables import labels, products, review_leases, review_selections
from ml.domain.labels import LabelSource
from ml.domain.predictions import ReviewItem

_LABELLED = exists().where(
    labels.c.product_id == review_selections.c.product_id,
    labels.c.product_digest == review_selections.c.product_digest,
    labels.c.source == LabelSource.REVIEW.value,
)
_LEASED = exists().where(
    review_leases.c.product_id == review_selections.c.product_id,
    review_leases.c.leased_until > func.clock_timestamp(),
)


class PostgresReviewQueue:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        """Lease the product that has waited longest to a reviewer; None when nothing waits.

        Reviewers take turns here, so no two get the same product, not even by two predictions
        of it, and a product as it stands is labelled once. Leases end by the database's clock.
        """
        checked_text("reviewer", reviewer)
        with transaction(self._engine) as connection:
            lock(connection, "review_queue")
            row = connection.execute(_oldest_waiting()).first()
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
        """How many selected predictions speak of products without a review label, leased or not."""
        query = select(func.count(review_selections.c.prediction_id.distinct())).where(~_LABELLED)
        with transaction(self._engine) as connection:
            return connection.scalar(query) or 0


def _oldest_waiting() -> Select[Any]:
    same_revision = and_(
        review_selections.c.product_id == products.c.product_id,
        review_selections.c.product_digest == products.c.product_digest,
    )
    return (
        select(review_selections.c.prediction_id, products)
        .select_from(review_selections.join(products, same_revision))
        .where(~_LABELLED, ~_LEASED)
        .order_by(review_selections.c.selected_at, review_selections.c.prediction_id)
        .limit(1)
    )
