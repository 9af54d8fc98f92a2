"""Columns of a snapshot as the arrays that training and evaluation compute with."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace
from ml.models.cleaning import product_text

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def class_indices(rows: pa.Table, label_space: LabelSpace) -> IntArray:
    """Label-space index of each row's category, [n]; raises InvalidInput for an unknown one."""
    categories = rows["category"].to_pylist()
    return np.array([label_space.index(category) for category in categories], dtype=np.int64)


def row_weights(rows: pa.Table) -> FloatArray:
    """1 / inclusion probability of each row, [n]: what a row stands for in the whole catalogue.

    Source: Horvitz and Thompson, "A generalization of sampling without replacement from a finite
    universe", JASA 1952.
    """
    weights: FloatArray = pc.divide(1.0, rows["inclusion_probability"]).to_numpy()
    return weights


def product_texts(rows: pa.Table) -> list[str]:
    """Cleaned title and description of each row; "" where there is no text."""
    pairs = zip(rows["title"].to_pylist(), rows["description"].to_pylist(), strict=True)
    return [product_text(*pair) for pair in pairs]
