"""Pictures for people, as PNG bytes."""

from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_INCHES_A_CLASS = 0.3
_DOTS_PER_INCH = 100


def confusion_png(confusion: NDArray[np.float64], classes: tuple[str, ...]) -> bytes:
    """The confusion matrix [K, K] as shares of each true class; the same matrix, same bytes."""
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros_like(confusion), where=totals > 0)
    side = max(4.0, 2.5 + _INCHES_A_CLASS * len(classes))
    figure = Figure(figsize=(side + 1, side), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # Categories are data: a "$" in one must not be read as mathematics.
    axes.set_xticks(range(len(classes)), classes, rotation=90, parse_math=False)
    axes.set_yticks(range(len(classes)), classes, parse_math=False)
    axes.set_xlabel("answered")
    axes.set_ylabel("true category")
    figure.colorbar(image, ax=axes, label="share of the true category")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
