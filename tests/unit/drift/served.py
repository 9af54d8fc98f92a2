"""Windows and outcomes as the prediction log would give them, drawn from a seed."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from ml.domain.ports import WINDOW_SCHEMA
from ml.drift.monitors import MonitorPolicy
from tests.examples import START

POLICY = MonitorPolicy(
    max_false_discovery_rate=0.05,
    min_distance=0.1,
    min_products=20,
    max_divergence=0.1,
    max_accuracy_drop=0.03,
    min_labels=100,
    min_confidence=0.75,
)
SIGNALS = tuple(f"signal_{number}" for number in range(12))
CATEGORIES = tuple(f"category {number}" for number in range(27))
_SHARES = np.linspace(1, 8, len(CATEGORIES)) / np.linspace(1, 8, len(CATEGORIES)).sum()


def a_window(
    seed: int,
    *,
    products: int = 500,
    shift: float = 0.0,
    start: datetime = START,
    confidence: float = 0.85,
    categories: tuple[str, ...] = CATEGORIES,
    shares: np.ndarray | None = None,
) -> pa.Table:
    """One product a minute; the first signal is shifted by so many standard deviations."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(len(SIGNALS), products))
    signals[0] += shift
    given = _SHARES[: len(categories)] if shares is None else shares
    columns = {
        "prediction_id": [f"{seed}-{number}" for number in range(products)],
        "predicted_at": [start + timedelta(minutes=number) for number in range(products)],
        "category": rng.choice(categories, products, p=given / given.sum()).tolist(),
        "confidence": np.full(products, confidence),
    }
    fields = [*WINDOW_SCHEMA, *(pa.field(name, pa.float64()) for name in SIGNALS)]
    return pa.table(columns | dict(zip(SIGNALS, signals, strict=True)), schema=pa.schema(fields))


def outcomes(
    right: int, wrong: int, *, probabilities: tuple[float, float] = (1.0, 1.0)
) -> pa.Table:
    """Reviewed answers, the right ones and the wrong ones chosen with these probabilities."""
    said = ["books"] * (right + wrong)
    labels = ["books"] * right + ["games"] * wrong
    chances = [probabilities[0]] * right + [probabilities[1]] * wrong
    return pa.table(
        {
            "category": pa.array(said, pa.string()),
            "label": pa.array(labels, pa.string()),
            "inclusion_probability": pa.array(chances, pa.float64()),
        }
    )
