"""Spans of the prediction log in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from ml.adapters.postgres.checks import checked_row
from ml.domain.labels import Label, LabelSource
from ml.domain.ports import OUTCOME_SCHEMA, SELECTED_SCHEMA, TOTALS_SCHEMA, WINDOW_SCHEMA
from ml.domain.predictions import Prediction, ReviewSelection
from tests.fakes.database import InMemoryDatabase
from tests.fakes.reviews import reviews_of


class InMemoryServedWindows:
    """Feeds on the prediction log and the label store that share its database."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._database = database or InMemoryDatabase()

    def first(self, model_version: int, *, products: int, until: datetime) -> pa.Table:
        return _window(self._answers(model_version, None, until)[:products])

    def last(
        self, model_version: int, *, products: int, until: datetime, since: datetime | None = None
    ) -> pa.Table:
        answers = self._answers(model_version, since, until)
        if since is None:
            return _window(answers[-products:])
        total = len(answers)
        return _window(
            [
                answer
                for rank, answer in enumerate(answers)
                if (rank + 1) * products // total > rank * products // total
            ]
        )

    def outcomes(
        self,
        *,
        as_of: datetime,
        model_version: int | None = None,
        experiment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        checked_row({"as_of": as_of, "experiment": experiment})
        answers = self._answers(model_version, since, until)
        if experiment is not None:
            answers = [answer for answer in answers if answer.experiment == experiment]
        labels = self._reviews(as_of)
        rows = [
            _outcome(answer, labels[answer.prediction_id])
            for answer in answers
            if answer.prediction_id in labels
        ]
        return pa.Table.from_pylist(rows, schema=OUTCOME_SCHEMA)

    def selected(
        self,
        model_version: int,
        *,
        as_of: datetime,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pa.Table:
        checked_row({"as_of": as_of})
        answers = self._answers(model_version, since, until)
        with self._database.transaction():
            selections = [one for one in self._database.selections.values() if one.at <= as_of]
            scores = [
                one for one in self._database.shadow_scores.values() if one.scored_at <= as_of
            ]
            reviews = reviews_of(self._database)
        drawn: dict[str, list[ReviewSelection]] = {}
        for each in selections:
            drawn.setdefault(each.selection.prediction_id, []).append(each.selection)
        missed = {
            score.prediction_id: score.label_probability
            for score in scores
            if score.differs and score.selection is None
        }
        rows = [
            _selected(
                answer,
                drawn[answer.prediction_id],
                [one for one in reviews.get(_revision(answer), ()) if one.labelled_at <= as_of],
                missed.get(answer.prediction_id, 0.0),
            )
            for answer in _as_first_shown(one for one in answers if one.prediction_id in drawn)
        ]
        return pa.Table.from_pylist(rows, schema=SELECTED_SCHEMA)

    def totals(
        self, model_version: int, *, since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        confidences: dict[str, list[float]] = {}
        for answer in _as_first_shown(self._answers(model_version, since, until)):
            confidences.setdefault(answer.category, []).append(answer.confidence)
        rows = [
            {"category": category, "products": len(each), "confidence_sum": sum(each)}
            for category, each in sorted(confidences.items())
        ]
        return pa.Table.from_pylist(rows, schema=TOTALS_SCHEMA)

    def _answers(
        self, model_version: int | None, since: datetime | None, until: datetime | None
    ) -> list[Prediction]:
        """Oldest first."""
        checked_row({"since": since, "until": until})
        with self._database.transaction():
            answers = [
                answer
                for answer in self._database.predictions.values()
                if model_version in (None, answer.model_version)
                and (since is None or answer.predicted_at >= since)
                and (until is None or answer.predicted_at <= until)
            ]
        return sorted(answers, key=lambda answer: (answer.predicted_at, answer.prediction_id))

    def _reviews(self, as_of: datetime) -> dict[str, Label]:
        """The first review label of each prediction."""
        with self._database.transaction():
            labels = sorted(
                self._database.labels.values(),
                key=lambda label: (label.labelled_at, label.label_id),
                reverse=True,
            )
        return {
            label.prediction_id: label
            for label in labels
            if label.prediction_id
            and label.source is LabelSource.REVIEW
            and label.labelled_at <= as_of
        }


def _window(answers: Sequence[Prediction]) -> pa.Table:
    signals = sorted({name for answer in answers for name in answer.signals})
    fields = [pa.field(name, pa.float64()) for name in signals]
    rows = [vars(answer) | answer.signals for answer in answers]
    return pa.Table.from_pylist(rows, schema=pa.schema([*WINDOW_SCHEMA, *fields]))


def _outcome(answer: Prediction, label: Label) -> dict[str, object]:
    return {
        "prediction_id": answer.prediction_id,
        "product_id": answer.product.product_id,
        "model_version": answer.model_version,
        "arm": answer.arm.value,
        "category": answer.category,
        "label": label.category,
        "confidence": answer.confidence,
        "inclusion_probability": label.inclusion_probability,
        "predicted_at": answer.predicted_at,
        "labelled_at": label.labelled_at,
    }


def _revision(answer: Prediction) -> tuple[str, str]:
    return answer.product.product_id, answer.product.digest


def _as_first_shown(answers: Iterable[Prediction]) -> list[Prediction]:
    """The first answer of each product as it was shown."""
    first: dict[tuple[str, str], Prediction] = {}
    for answer in answers:
        first.setdefault(_revision(answer), answer)
    return list(first.values())


def _selected(
    answer: Prediction,
    selections: Sequence[ReviewSelection],
    labels: Sequence[Label],
    missed_coin: float,
) -> dict[str, object]:
    inclusion = max(selection.inclusion_probability for selection in selections)
    return {
        "prediction_id": answer.prediction_id,
        "predicted_at": answer.predicted_at,
        "category": answer.category,
        "confidence": answer.confidence,
        "title": answer.product.title,
        "description": answer.product.description,
        "picture": answer.product.picture,
        "reasons": sorted(selection.reason.value for selection in selections),
        "reviews": max(selection.reviews for selection in selections),
        "inclusion_probability": 1 - (1 - inclusion) * (1 - missed_coin),
        "votes": [{"reviewer": one.reviewer, "category": one.category} for one in labels],
    }
