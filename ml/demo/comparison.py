"""Every version on the same later products, with the truth that only the simulation has."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from ml.demo.report import MODALITIES, Quality
from ml.domain.digests import digest_bytes
from ml.domain.labels import LabelSpace
from ml.models.bundle import ModelBundle
from ml.simulation.items import SimulatedProduct
from ml.training.evaluate import Comparison, evaluate_bundles
from ml.training.evaluation import Figures


def compare(
    bundles: Mapping[int, ModelBundle], products: Sequence[SimulatedProduct], as_of: datetime
) -> dict[int, tuple[dict[str, Quality], dict[str, Quality]]]:
    """Figures of each version by modality: on all products, and on the classes all versions know.

    A category that a version has never heard of counts as missed by it.
    """
    newest = max((bundle.label_space for bundle in bundles.values()), key=len)
    space = newest.extend(product.category for product in products)
    shared = set.intersection(*(set(bundle.label_space.classes) for bundle in bundles.values()))
    known = [product for product in products if product.category in shared]
    chosen = list(bundles.values())
    on_all = _qualities(chosen, products, space, as_of)
    on_shared = _qualities(chosen, known, space, as_of)
    return dict(zip(bundles, zip(on_all, on_shared, strict=True), strict=True))


def _qualities(
    bundles: Sequence[ModelBundle],
    products: Sequence[SimulatedProduct],
    space: LabelSpace,
    as_of: datetime,
) -> list[dict[str, Quality]]:
    pictures = {picture_digest(product): product.picture or b"" for product in products}
    comparison = Comparison(
        label_space=space,
        shared_classes=space.classes,
        as_of=as_of,
        recent_days=1,
        confidence_threshold=0.8,
    )
    evaluations = evaluate_bundles(
        bundles,
        _rows(products),
        comparison,
        picture_of=lambda digest: pictures[digest],
        clock=time.perf_counter,
    )
    return [
        {modality: _quality(getattr(evaluation, modality)) for modality in MODALITIES}
        for evaluation in evaluations
    ]


def qualities_from_metrics(metrics: Mapping[str, float]) -> dict[str, Quality]:
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
