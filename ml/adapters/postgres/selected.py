"""Queries over the answers that people were asked to check, and over all that was answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from ml.adapters.postgres.tables import (
    labels,
    predictions,
    products,
    review_selections,
    shadow_scores,
)
from ml.domain.labels import LabelSource
from ml.domain.ports import SELECTED_SCHEMA

_REVISION = (predictions.c.product_id, predictions.c.product_digest)
_AS_FIRST_SHOWN = (*_REVISION, predictions.c.predicted_at, predictions.c.prediction_id)


def selected_answers(span: Sequence[ColumnElement[bool]], as_of: datetime) -> Select[Any]:
    """Columns SELECTED_SCHEMA of the predictions in a span, oldest first."""
    drawn = _drawn(span, as_of)
    votes = _votes(drawn, as_of)
    columns = {
        "inclusion_probability": 1 - (1 - drawn.c.inclusion) * (1 - _missed_coin(drawn, as_of)),
        "votes": func.coalesce(votes, func.json_build_array()),
    }
    return (
        select(
            *(
                columns[field.name].label(field.name)
                if field.name in columns
                else (drawn if field.name in drawn.c else products).c[field.name]
                for field in SELECTED_SCHEMA
            )
        )
        .select_from(
            drawn.join(
                products,
                (products.c.product_id == drawn.c.product_id)
                & (products.c.product_digest == drawn.c.product_digest),
            )
        )
        .order_by(drawn.c.predicted_at, drawn.c.prediction_id)
    )


def answer_totals(span: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Columns TOTALS_SCHEMA of the predictions in a span."""
    answers = (
        select(predictions.c.category, predictions.c.confidence)
        .where(*span)
        .ext(distinct_on(*_REVISION))
        .order_by(*_AS_FIRST_SHOWN)
        .subquery()
    )
    return (
        select(answers.c.category, func.count(), func.sum(answers.c.confidence))
        .group_by(answers.c.category)
        .order_by(func.convert_to(answers.c.category, "UTF8"))
    )


def _drawn(span: Sequence[ColumnElement[bool]], as_of: datetime) -> Subquery:
    """The first drawn answer of each product as it was shown, with what its coins add up to."""
    coins = review_selections.c
    chosen = (
        select(
            coins.prediction_id,
            func.array_agg(aggregate_order_by(coins.reason, coins.reason)).label("reasons"),
            func.max(coins.reviews).label("reviews"),
            func.max(coins.inclusion_probability).label("inclusion"),
        )
        .where(coins.selected_at <= as_of)
        .group_by(coins.prediction_id)
        .subquery()
    )
    return (
        select(
            *_AS_FIRST_SHOWN,
            predictions.c.category,
            predictions.c.confidence,
            chosen.c.reasons,
            chosen.c.reviews,
            chosen.c.inclusion,
        )
        .select_from(
            predictions.join(chosen, chosen.c.prediction_id == predictions.c.prediction_id)
        )
        .where(*span)
        .ext(distinct_on(*_REVISION))
        .order_by(*_AS_FIRST_SHOWN)
        .subquery()
    )


def _missed_coin(drawn: Subquery, as_of: datetime) -> ColumnElement[Any]:
    """Probability of a disagreement coin that was tossed for the answer and did not come up, or 0.

    The others' rows do not know of it; one that came up has a row, which has counted it.
    """
    scores = shadow_scores.c
    coin = (
        select(func.max(scores.label_probability))
        .where(
            scores.prediction_id == drawn.c.prediction_id,
            scores.candidate_category.is_distinct_from(scores.baseline_category),
            ~scores.drawn,
            scores.scored_at <= as_of,
        )
        .scalar_subquery()
    )
    return func.coalesce(coin, 0.0)


def _votes(drawn: Subquery, as_of: datetime) -> ColumnElement[Any]:
    """What reviewers said of the product as it was shown, oldest first; null: nothing yet."""
    vote = func.json_build_object("reviewer", labels.c.reviewer, "category", labels.c.category)
    return (
        select(func.json_agg(aggregate_order_by(vote, labels.c.labelled_at, labels.c.label_id)))
        .where(
            labels.c.product_id == drawn.c.product_id,
            labels.c.product_digest == drawn.c.product_digest,
            labels.c.source == LabelSource.REVIEW.value,
            labels.c.labelled_at <= as_of,
        )
        .scalar_subquery()
    )
