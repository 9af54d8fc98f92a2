"""The shadow log: what both models of a comparison said, in the order in which it is judged."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, Select, Table, and_, func, select

from ml.adapters.postgres.arrow import batch_of
from ml.adapters.postgres.checks import checked_text, checked_time
from ml.adapters.postgres.engine import lock, transaction
from ml.adapters.postgres.rows import (
    insert_in_turn,
    insert_new,
    product_of,
    selection_of,
    selection_row,
)
from ml.adapters.postgres.shadow_tally import tally_of, tally_query
from ml.adapters.postgres.tables import (
    comparison_cohorts,
    labels,
    products,
    review_selections,
    shadow_scores,
)
from ml.domain.comparisons import Cohort, ScoredAnswer, ShadowScore, ShadowTally, Stratum
from ml.domain.errors import Conflict
from ml.domain.labels import LabelSource
from ml.domain.ports import DRAWN_SCHEMA
from ml.domain.predictions import SelectionReason

_SCORE = shadow_scores.c
_NO_END = 2**63 - 1  # no position is as large
_DISAGREES = _SCORE.candidate_category.is_distinct_from(_SCORE.baseline_category)
_DRAWN_COLUMNS = (
    *(_SCORE[name] for name in DRAWN_SCHEMA.names if name in _SCORE),
    review_selections.c.reviews,
)
_LABEL_COLUMNS = (
    labels.c.label_id,
    labels.c.reviewer,
    labels.c.category,
    labels.c.labelled_at,
)


class PostgresShadowLog:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, scores: Sequence[ShadowScore]) -> int:
        """Store scores, and their selections, in one transaction; returns how many were new.

        Writers take turns until they have committed, so positions become visible in their order.
        Raises NotFound for a prediction that is not in the log (yet).
        """
        first: dict[tuple[str, ...], ShadowScore] = {}
        for score in scores:
            first.setdefault(_key(score), score)
        with transaction(self._engine) as connection:
            lock(connection, "shadow_scores")
            new = insert_in_turn(connection, shadow_scores, map(_row, first.values()))
            drawn = _selection_rows(first[key] for key in new)
            insert_new(connection, review_selections, drawn)
        return len(new)

    def get(self, prediction_id: str) -> ShadowScore | None:
        """The score of a prediction; None when it has none (yet)."""
        checked_text("prediction_id", prediction_id)
        with transaction(self._engine) as connection:
            row = connection.execute(_scored(prediction_id)).first()
            if row is None:
                return None
            selection = connection.execute(_selected(prediction_id)).first() if row.drawn else None
        return _score(row, selection)

    def drawn(self, experiment: str, *, after: int, as_of: datetime) -> pa.Table:
        """Drawn disagreements past a position with the labels given by `as_of`, DRAWN_SCHEMA."""
        query = _drawn(experiment, after, checked_time("as_of", as_of))
        with transaction(self._engine) as connection:
            rows = list(_with_labels(connection.execute(query)))
        return pa.Table.from_batches([batch_of(rows, DRAWN_SCHEMA)])

    def reach(self, experiment: str, *, after: int, hours: float) -> int | None:
        """The last position of the stretch of `hours` that begins past `after`; None: no score."""
        query = _reached(experiment, after, timedelta(hours=hours))
        with transaction(self._engine) as connection:
            position: int | None = connection.scalar(query)
        return position

    def opened(self, experiment: str, *, after: int) -> datetime | None:
        """`scored_at` of the first score past a position; None when there is none."""
        query = (
            select(_SCORE.scored_at)
            .where(*_past(experiment, after))
            .order_by(_SCORE.position)
            .limit(1)
        )
        with transaction(self._engine) as connection:
            return connection.scalar(query)

    def counts(self, experiment: str, *, after: int, until: int) -> tuple[int, int]:
        """Products, and disagreements among them, past `after` and up to `until` (inclusive)."""
        query = select(func.count(), func.count().filter(_DISAGREES))
        with transaction(self._engine) as connection:
            among = query.where(*_past(experiment, after), _SCORE.position <= until)
            scored, disagreements = connection.execute(among).one()
        return scored, disagreements

    def tally(
        self, experiment: str, *, confidence_threshold: float, slow_ms: float, as_of: datetime
    ) -> ShadowTally:
        """What the scores up to `as_of` add up to."""
        query = tally_query(
            experiment, confidence_threshold=confidence_threshold, slow_ms=slow_ms, as_of=as_of
        )
        with transaction(self._engine) as connection:
            return tally_of(connection.execute(query))

    def close(self, cohort: Cohort) -> bool:
        """Record the next cohort; False when its number is taken: whoever came first is right.

        Judges take turns here. Raises Conflict when the cohort before it is not there.
        """
        taken = select(func.max(comparison_cohorts.c.number)).where(_of(cohort.experiment))
        with transaction(self._engine) as connection:
            lock(connection, "comparison_cohorts")
            newest = connection.scalar(taken) or 0
            if cohort.number > newest + 1:
                raise Conflict(
                    f"cohort {cohort.number} of {cohort.experiment} can't follow {newest}; "
                    "close those between them first"
                )
            return bool(insert_new(connection, comparison_cohorts, [_cohort_row(cohort)]))

    def cohorts(self, experiment: str) -> list[Cohort]:
        """The closed cohorts, by number from 1."""
        query = select(comparison_cohorts).where(_of(experiment))
        with transaction(self._engine) as connection:
            rows = connection.execute(query.order_by(comparison_cohorts.c.number))
            return [_cohort(row) for row in rows]


def _past(experiment: str, after: int) -> tuple[ColumnElement[bool], ...]:
    named = _SCORE.experiment == checked_text("experiment", experiment)
    return named, _SCORE.position > after


def _reached(experiment: str, after: int, span: timedelta) -> Select[Any]:
    """In one statement: no score gets in between the look for the end and that for the last."""
    past = _past(experiment, after)
    first = select(_SCORE.scored_at).where(*past).order_by(_SCORE.position).limit(1)
    too_late = _SCORE.scored_at > first.correlate(None).scalar_subquery() + span
    end = select(func.min(_SCORE.position)).where(*past, too_late)
    until = func.coalesce(end.correlate(None).scalar_subquery(), _NO_END)
    return select(func.max(_SCORE.position)).where(*past, _SCORE.position < until)


def _of(experiment: str) -> ColumnElement[bool]:
    return comparison_cohorts.c.experiment == checked_text("experiment", experiment)


def _same_revision(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.product_id == _SCORE.product_id,
        table.c.product_digest == _SCORE.product_digest,
    )


def _scored(prediction_id: str) -> Select[Any]:
    """Its first score with the product."""
    columns = products.c
    return (
        select(
            shadow_scores, columns.title, columns.description, columns.picture, columns.listed_at
        )
        .join(products, _same_revision(products))
        .where(_SCORE.prediction_id == prediction_id)
        .order_by(_SCORE.position)
        .limit(1)
    )


def _selected(prediction_id: str) -> Select[Any]:
    columns = review_selections.c
    return select(review_selections).where(
        columns.prediction_id == prediction_id,
        columns.reason == SelectionReason.DISAGREEMENT.value,
    )


def _drawn(experiment: str, after: int, as_of: datetime) -> Select[Any]:
    """One row a label of a drawn disagreement, and one for a disagreement without any."""
    selected = and_(
        review_selections.c.prediction_id == _SCORE.prediction_id,
        review_selections.c.reason == SelectionReason.DISAGREEMENT.value,
    )
    given = and_(
        _same_revision(labels),
        labels.c.source == LabelSource.REVIEW.value,
        labels.c.labelled_at.between(_SCORE.scored_at, as_of),
    )
    return (
        select(*_DRAWN_COLUMNS, *_LABEL_COLUMNS)
        .select_from(shadow_scores.join(review_selections, selected).outerjoin(labels, given))
        .where(*_past(experiment, after), _SCORE.drawn)
        .order_by(_SCORE.position, labels.c.labelled_at, labels.c.label_id)
    )


def _with_labels(rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of `_drawn` as those of DRAWN_SCHEMA."""
    names = [column.name for column in _LABEL_COLUMNS]
    for _, group in groupby(rows, key=lambda row: row.position):
        same = list(group)
        given = [
            {name: getattr(row, name) for name in names} for row in same if row.label_id is not None
        ]
        yield (*same[0][: len(_DRAWN_COLUMNS)], given)


def _key(score: ShadowScore) -> tuple[str, ...]:
    return score.experiment, score.product.product_id, score.product.digest


def _row(score: ShadowScore) -> dict[str, Any]:
    return {
        "experiment": score.experiment,
        "product_id": score.product.product_id,
        "product_digest": score.product.digest,
        "prediction_id": score.prediction_id,
        "scored_at": score.scored_at,
        "candidate_category": score.candidate.category,
        "baseline_category": score.baseline.category,
        "candidate_confidence": score.candidate.confidence,
        "baseline_confidence": score.baseline.confidence,
        "candidate_ms": score.candidate.milliseconds,
        "baseline_ms": score.baseline.milliseconds,
        "label_probability": score.label_probability,
        "drawn": score.selection is not None,
    }


def _selection_rows(scores: Iterable[ShadowScore]) -> Iterator[dict[str, Any]]:
    for score in scores:
        if score.selection is not None:
            yield selection_row(score.selection, score.product, at=score.scored_at)


def _score(row: Any, selection: Any) -> ShadowScore:
    return ShadowScore(
        experiment=row.experiment,
        prediction_id=row.prediction_id,
        product=product_of(row),
        scored_at=row.scored_at,
        candidate=ScoredAnswer(row.candidate_category, row.candidate_confidence, row.candidate_ms),
        baseline=ScoredAnswer(row.baseline_category, row.baseline_confidence, row.baseline_ms),
        label_probability=row.label_probability,
        selection=selection_of(selection) if selection else None,
    )


def _cohort_row(cohort: Cohort) -> dict[str, Any]:
    return {**vars(cohort), "strata": [vars(stratum) for stratum in cohort.strata]}


def _cohort(row: Any) -> Cohort:
    return Cohort(
        experiment=row.experiment,
        number=row.number,
        last_position=row.last_position,
        closed_at=row.closed_at,
        products=row.products,
        disagreements=row.disagreements,
        strata=tuple(Stratum(**stratum) for stratum in row.strata),
        label_ids=tuple(row.label_ids),
    )
