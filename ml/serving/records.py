"""Predictions and shadow scores as lines of JSON: the form in which they wait for PostgreSQL.

A line says itself what it is; one that does not is a prediction of an older program.
"""

import json
from datetime import datetime
from typing import Any

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.errors import InvalidInput
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product

Record = Prediction | ShadowScore

_SHADOW = "shadow score"


def encode(record: Record) -> bytes:
    """One line, ending in a newline; `decode` gives an equal record back."""
    row = _shadow_row(record) if isinstance(record, ShadowScore) else _prediction_row(record)
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Record:
    """The record of one line; raises InvalidInput for anything else."""
    try:
        row = json.loads(line)
        return _shadow(row) if row.get("kind") == _SHADOW else _prediction(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"spooled line is no prediction or shadow score ({type(error).__name__}: {error}); "
            "it was kept beside the spool"
        ) from None


def _prediction_row(prediction: Prediction) -> dict[str, Any]:
    return {
        "kind": "prediction",
        "prediction_id": prediction.prediction_id,
        "product": _product_row(prediction.product),
        "model_version": prediction.model_version,
        "arm": prediction.arm.value,
        "label_space_version": prediction.label_space_version,
        "probabilities": prediction.probabilities,
        "category": prediction.category,
        "confidence": prediction.confidence,
        "predicted_at": prediction.predicted_at.isoformat(),
        "selections": [_selection_row(selection) for selection in prediction.selections],
        "experiment": prediction.experiment,
        "signals": dict(prediction.signals),
    }


def _prediction(row: dict[str, Any]) -> Prediction:
    prediction_id = row["prediction_id"]
    return Prediction(
        prediction_id=prediction_id,
        product=_product(row["product"]),
        model_version=row["model_version"],
        arm=Arm(row["arm"]),
        label_space_version=row["label_space_version"],
        probabilities=tuple(row["probabilities"]),
        category=row["category"],
        confidence=row["confidence"],
        predicted_at=datetime.fromisoformat(row["predicted_at"]),
        selections=tuple(_selection(prediction_id, each) for each in row["selections"]),
        # A line of an older program, found after an upgrade, has neither.
        experiment=row.get("experiment"),
        signals=row.get("signals", {}),
    )


def _shadow_row(score: ShadowScore) -> dict[str, Any]:
    return {
        "kind": _SHADOW,
        "experiment": score.experiment,
        "prediction_id": score.prediction_id,
        "product": _product_row(score.product),
        "scored_at": score.scored_at.isoformat(),
        "candidate": _answer_row(score.candidate),
        "baseline": _answer_row(score.baseline),
        "label_probability": score.label_probability,
        "selection": _selection_row(score.selection) if score.selection else None,
    }


def _shadow(row: dict[str, Any]) -> ShadowScore:
    prediction_id, drawn = row["prediction_id"], row["selection"]
    return ShadowScore(
        experiment=row["experiment"],
        prediction_id=prediction_id,
        product=_product(row["product"]),
        scored_at=datetime.fromisoformat(row["scored_at"]),
        candidate=ScoredAnswer(*row["candidate"]),
        baseline=ScoredAnswer(*row["baseline"]),
        label_probability=row["label_probability"],
        selection=_selection(prediction_id, drawn) if drawn else None,
    )


def _product_row(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "title": product.title,
        "description": product.description,
        "picture": product.picture,
        "listed_at": product.listed_at.isoformat(),
    }


def _product(row: dict[str, Any]) -> Product:
    return Product(
        product_id=row["product_id"],
        title=row["title"],
        description=row["description"],
        picture=row["picture"],
        listed_at=datetime.fromisoformat(row["listed_at"]),
    )


def _answer_row(answer: ScoredAnswer) -> list[Any]:
    return [answer.category, answer.confidence, answer.milliseconds]


def _selection_row(selection: ReviewSelection) -> list[Any]:
    return [
        selection.reason.value,
        selection.probability,
        selection.inclusion_probability,
        selection.reviews,
    ]


def _selection(prediction_id: str, row: list[Any]) -> ReviewSelection:
    reason, *numbers = row  # an older program wrote no `reviews`
    return ReviewSelection(prediction_id, SelectionReason(reason), *numbers)
