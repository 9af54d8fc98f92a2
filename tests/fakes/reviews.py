"""The review queue in memory."""

from collections.abc import Iterable

from ml.adapters.postgres.checks import checked_text
from ml.domain.labels import Label, LabelSource, settled_category
from ml.domain.predictions import ReviewItem, SelectionReason
from tests.fakes.database import InMemoryDatabase, Lease, Selected


class InMemoryReviewQueue:
    """Feeds on the selections and the labels that share its database."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def next(self, reviewer: str, *, lease_seconds: float) -> ReviewItem | None:
        with self._database.transaction():
            checked_text("reviewer", reviewer)
            for each, votes in self._unsettled():
                voters = {voter for voter, _ in votes}
                if reviewer not in voters and not self._is_leased(each, voters):
                    return self._lease(each, reviewer, lease_seconds)
            return None

    def waiting(self) -> int:
        with self._database.transaction():
            return len({_revision(each) for each, _ in self._unsettled()})

    def _unsettled(self) -> list[tuple[Selected, list[tuple[str, str]]]]:
        """Oldest first, with the (reviewer, category) votes that count."""
        reviews = reviews_of(self._database)
        waiting = []
        for each in self._database.selections.values():
            anew = each.selection.reason is SelectionReason.DISAGREEMENT
            votes = [
                (label.reviewer, label.category)
                for label in reviews.get(_revision(each), ())
                if not anew or label.labelled_at >= each.at
            ]
            if settled_category(votes, reviews=each.selection.reviews) is None:
                waiting.append((each, votes))
        waiting.sort(key=lambda one: (one[0].at, one[0].selection.prediction_id))
        return waiting

    def _is_leased(self, selected: Selected, voters: Iterable[str]) -> bool:
        now = self._database.clock()
        return any(
            lease.product_id == selected.product.product_id
            and lease.until > now
            and lease.reviewer not in voters
            for lease in self._database.leases.values()
        )

    def _lease(self, selected: Selected, reviewer: str, seconds: float) -> ReviewItem:
        prediction_id, product = selected.selection.prediction_id, selected.product
        until = self._database.clock() + seconds
        lease = Lease(product.product_id, reviewer, until)
        self._database.leases[prediction_id] = lease
        return ReviewItem(prediction_id, product)


def reviews_of(database: InMemoryDatabase) -> dict[tuple[str, str], list[Label]]:
    """The review labels of each product revision, oldest first."""
    reviews: dict[tuple[str, str], list[Label]] = {}
    for label in sorted(database.labels.values(), key=lambda one: (one.labelled_at, one.label_id)):
        if label.source is LabelSource.REVIEW:
            reviews.setdefault((label.product_id, label.product_digest), []).append(label)
    return reviews


def _revision(selected: Selected) -> tuple[str, str]:
    return selected.product.product_id, selected.product.digest
