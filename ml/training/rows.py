"""Columns of a snapshot as what training and evaluation compute with."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.domain.errors import NotFound
from ml.domain.labels import LabelSpace
from ml.models.bundle import ModelInput, read_modalities
from ml.models.cleaning import product_text
from ml.models.text import TextModel
from ml.stats.weighting import inverse_probability_weights

if TYPE_CHECKING:
    from ml.models.image import ImageModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PictureOf = Callable[[str], bytes]
"""Encoded bytes of a picture by its digest; raises NotFound."""

# Rows whose encoded pictures are held in memory at once.
CHUNK = 256


def class_indices(rows: pa.Table, label_space: LabelSpace) -> IntArray:
    """Label-space index of each row's category, [n]; raises InvalidInput for an unknown one."""
    categories = rows["category"].to_pylist()
    return np.array([label_space.index(category) for category in categories], dtype=np.int64)


def row_weights(rows: pa.Table) -> FloatArray:
    """What each row stands for, [n]: 1 / inclusion probability."""
    return inverse_probability_weights(rows["inclusion_probability"].to_numpy())


def product_texts(rows: pa.Table) -> list[str]:
    """Cleaned title and description of each row; "" where there is no text."""
    pairs = zip(rows["title"].to_pylist(), rows["description"].to_pylist(), strict=True)
    return [product_text(*pair) for pair in pairs]


def model_inputs(rows: pa.Table, picture_of: PictureOf) -> list[ModelInput]:
    """The rows as a bundle reads them. One lost picture does not stop a retraining: it is None."""
    columns = (rows[name].to_pylist() for name in ("title", "description", "picture"))
    return [
        ModelInput(title, description, _picture(picture, picture_of))
        for title, description, picture in zip(*columns, strict=True)
    ]


def modality_probabilities(
    text: TextModel, image: "ImageModel | None", rows: pa.Table, picture_of: PictureOf
) -> tuple[FloatArray, FloatArray]:
    """What each row's text and picture say, [n, K] each, NaN where a modality is missing."""
    chunks = [
        read_modalities(text, image, model_inputs(rows.slice(start, CHUNK), picture_of))
        for start in range(0, max(rows.num_rows, 1), CHUNK)
    ]
    from_text, from_image = zip(*chunks, strict=True)
    return np.concatenate(from_text), np.concatenate(from_image)


def _picture(digest: str | None, picture_of: PictureOf) -> bytes | None:
    try:
        return picture_of(digest) if digest else None
    except NotFound:
        return None
