"""A prediction as one line of JSON: the form in which it waits on disk for PostgreSQL."""

import json
from datetime import datetime
from typing import Any

from ml.domain.errors import InvalidInput
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product


def encode(prediction: Prediction) -> bytes:
    """One line, ending in a newline; `decode` gives an equal prediction back."""
    product = prediction.product
    row = {
        "prediction_id": prediction.prediction_id,
        "product": {
            "product_id": product.product_id,
            "title": product.title,
            "description": product.description,
            "picture": product.picture,
            "listed_at": product.listed_at.isoformat(),
        },
        "model_version": prediction.model_version,
        "arm": prediction.arm.value,
        "label_space_version": prediction.label_space_version,
        "probabilities": prediction.probabilities,
        "category": prediction.category,
        "confidence": prediction.confidence,
        "predicted_at": prediction.predicted_at.isoformat(),
        "selections": [
            [selection.reason.value, selection.probability, selection.inclusion_probability]
            for selection in prediction.selections
        ],
        "experiment": prediction.experiment,
        "signals": dict(prediction.signals),
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Prediction:
    """The prediction of one line; raises InvalidInput for anything else."""
    try:
        return _prediction(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"spooled line is not a prediction ({type(error).__name__}: {error}); "
            "it was kept beside the spool"
        ) from None


def _prediction(row: dict[str, Any]) -> Prediction:
    product = row["product"]
    prediction_id = row["prediction_id"]
    return Prediction(
        prediction_id=prediction_id,
        product=Product(
            product_id=product["product_id"],
            title=product["title"],
            description=product["description"],
            picture=product["picture"],
            listed_at=datetime.fromisoformat(product["listed_at"]),
        ),
        model_version=row["model_version"],
        arm=Arm(row["arm"]),
        label_space_version=row["label_space_version"],
        probabilities=tuple(row["probabilities"]),
        category=row["category"],
        confidence=row["confidence"],
        predicted_at=datetime.fromisoformat(row["predicted_at"]),
        selections=tuple(
            ReviewSelection(prediction_id, SelectionReason(reason), probability, inclusion)
            for reason, probability, inclusion in row["selections"]
        ),
        # A line of an older program, found after an upgrade, has neither.
        experiment=row.get("experiment"),
        signals=row.get("signals", {}),
    )
