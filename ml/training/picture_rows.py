"""Rows of a snapshot that have a readable picture, with what was read from it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace
from ml.training.rows import FloatArray, IntArray, class_indices, row_weights

Read = Callable[[list[str]], tuple[NDArray[Any], NDArray[np.bool_]]]
"""Pictures by digest -> what was read of them [n, ...] and which could be read [n]."""


@dataclass(frozen=True)
class PictureRows:
    """Products with a picture.

    `pictures` are digests, `targets` [n] class indices, `weights` [n] 1 / inclusion probability,
    `inputs` [n, ...] what was read of each: pixels or features.
    """

    pictures: list[str]
    targets: IntArray
    weights: FloatArray
    inputs: NDArray[Any]

    def __len__(self) -> int:
        return len(self.pictures)

    def of_classes(self, classes: IntArray) -> "PictureRows":
        """The rows of these (sorted) classes, targets renumbered to positions in `classes`."""
        kept = self.keep(np.isin(self.targets, classes))
        return replace(kept, targets=np.searchsorted(classes, kept.targets))

    def keep(self, wanted: NDArray[np.bool_]) -> "PictureRows":
        return PictureRows(
            [picture for picture, kept in zip(self.pictures, wanted, strict=True) if kept],
            self.targets[wanted],
            self.weights[wanted],
            self.inputs[wanted],
        )


def read_rows(rows: pa.Table, label_space: LabelSpace, read: Read) -> PictureRows:
    """The rows whose picture can be read, by product id whatever order they came in."""
    pictured = rows.filter(pc.is_valid(rows["picture"])).sort_by("product_id")
    pictures = pictured["picture"].to_pylist()
    inputs, readable = read(pictures)
    every = PictureRows(
        pictures, class_indices(pictured, label_space), row_weights(pictured), inputs
    )
    return every.keep(readable)
