"""The shadow log: what both models of a comparison said, and what was made of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from ml.domain.comparisons import Cohort, ShadowScore, ShadowTally

# Columns of ShadowLog.drawn, one row a drawn disagreement, by position; `labels` are those given of
# the product as it was shown, after it was drawn, oldest first:
DRAWN_SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("prediction_id", pa.string()),
        ("scored_at", pa.timestamp("us", tz="UTC")),
        ("candidate_category", pa.string()),
        ("baseline_category", pa.string()),
        ("candidate_confidence", pa.float64()),
        ("baseline_confidence", pa.float64()),
        ("reviews", pa.int32()),
        (
            "labels",
            pa.list_(
                pa.struct(
                    [
                        ("label_id", pa.string()),
                        ("reviewer", pa.string()),
                        ("category", pa.string()),
                        ("labelled_at", pa.timestamp("us", tz="UTC")),
                    ]
                )
            ),
        ),
    ]
)


class ShadowLog(Protocol):
    """Products that both models of a comparison scored, in the order in which they were written.

    A product as it was shown counts once in a comparison: by the first score that was written.
    Positions grow in the order in which rows become visible, so nothing appears behind a reader.
    """

    def append(self, scores: Sequence[ShadowScore]) -> int:
        """Store scores, and their selections, in one transaction; returns how many were new.

        A score of a product that is there already is left out, its selection, too. Raises NotFound
        for a prediction that is not in the log (yet).
        """
        ...

    def get(self, prediction_id: str) -> ShadowScore | None:
        """The score of a prediction; None when it has none (yet)."""
        ...

    def drawn(self, experiment: str, *, after: int, as_of: datetime) -> pa.Table:
        """Drawn disagreements past a position with the labels given by `as_of`, DRAWN_SCHEMA."""
        ...

    def reach(self, experiment: str, *, after: int, hours: float) -> int | None:
        """The last position of the stretch that begins past `after` and ends before the first score
        that is more than `hours` (of `scored_at`) younger than its first; None: there is none."""
        ...

    def opened(self, experiment: str, *, after: int) -> datetime | None:
        """`scored_at` of the first score past a position; None when there is none."""
        ...

    def counts(self, experiment: str, *, after: int, until: int) -> tuple[int, int]:
        """Products, and disagreements among them, past `after` and up to `until` (inclusive)."""
        ...

    def tally(
        self, experiment: str, *, confidence_threshold: float, slow_ms: float, as_of: datetime
    ) -> ShadowTally:
        """What the scores up to `as_of` add up to."""
        ...

    def close(self, cohort: Cohort) -> bool:
        """Record the next cohort; False when its number is taken: whoever came first is right.

        Raises Conflict when the cohort before it is not there.
        """
        ...

    def cohorts(self, experiment: str) -> list[Cohort]:
        """The closed cohorts, by number from 1."""
        ...
