"""Every version on the same later products, with the truth that only the simulation has."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.demo.report import MODALITIES, Quality
from ml.domain.digests import digest_bytes
from ml.models.bundle import BundlePrediction, ModelBundle
from ml.simulation.items import SimulatedProduct
from ml.training.evaluate import Comparison, evaluate_prediction
from ml.training.evaluation import Figures
from ml.training.rows import modality_probabilities

Qualities = dict[str, Quality]
NOTHING = Quality(rows=0, weighted_f1=0.0, accuracy=0.0, macro_f1=0.0)


def compare(
    bundles: Mapping[int, ModelBundle], products: Sequence[SimulatedProduct], as_of: datetime
) -> dict[int, tuple[Qualities, Qualities]]:
    """Figures of each version by modality: on all products, and on the classes all versions know.

    A category that a version has never heard of, or a product it can't read, counts as missed.
    """
    newest = max((bundle.label_space for bundle in bundles.values()), key=len)
    comparison = Comparison(
        label_space=newest.extend(product.category for product in products),
        shared_classes=(),
        as_of=as_of,
        recent_days=1,
        confidence_threshold=0.8,
    )
    shared = set.intersection(*(set(bundle.label_space.classes) for bundle in bundles.values()))
    known = np.array([product.category in shared for product in products])
    rows = _rows(products)
    pictures = {picture_digest(product): product.picture or b"" for product in products}

    def qualities(answers: BundlePrediction, chosen: NDArray[np.bool_]) -> Qualities:
        if not chosen.any():
            return dict.fromkeys(MODALITIES, NOTHING)
        evaluation = evaluate_prediction(
            answers.rows(chosen), rows.filter(pa.array(chosen)), comparison, latency_ms=0.0
        )
        return {modality: _quality(getattr(evaluation, modality)) for modality in MODALITIES}

    figures = {}
    for version, bundle in bundles.items():
        answers = bundle.fuse(
            *modality_probabilities(bundle.text, bundle.image, rows, lambda key: pictures[key])
        )
        figures[version] = (
            qualities(answers, np.ones(len(products), dtype=np.bool_)),
            qualities(answers, known),
        )
    return figures


def qualities_from_metrics(metrics: Mapping[str, float]) -> Qualities:
    """The same from the flat metrics that the registry keeps of a version.

    It has none of a modality that no row had.
    """

    def figure(modality: str, name: str) -> float:
        return metrics.get(f"{modality}_{name}", 0.0)

    return {
        modality: Quality(
            rows=int(figure(modality, "rows")),
            weighted_f1=figure(modality, "weighted_f1"),
            accuracy=figure(modality, "accuracy"),
            macro_f1=figure(modality, "macro_f1"),
        )
        for modality in MODALITIES
    }


def _quality(figures: Figures) -> Quality:
    return Quality(figures.rows, figures.weighted_f1, figures.accuracy, figures.macro_f1)


def _rows(products: Sequence[SimulatedProduct]) -> pa.Table:
    return pa.table(
        {
            "product_id": [product.product_id for product in products],
            "category": [product.category for product in products],
            "title": [product.title for product in products],
            "description": [product.description for product in products],
            "picture": pa.array(map(picture_digest, products), type=pa.string()),
            "listed_at": pa.array(
                [product.listed_at for product in products], type=pa.timestamp("us", tz="UTC")
            ),
            "inclusion_probability": [1.0] * len(products),
        }
    )


def picture_digest(product: SimulatedProduct) -> str | None:
    """Digest of the product's picture, as the object store and the split know it."""
    return digest_bytes(product.picture) if product.picture else None
