"""What a bundle did on test rows: the figures that the gate, the registry and people read."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Figures over some rows; all 0 when there are none.

    `calibration_noise` is the part of `calibration_error` that so few rows show by chance.
    """

    rows: int
    weighted_f1: float
    accuracy: float
    macro_f1: float
    calibration_error: float
    calibration_noise: float


@dataclass(frozen=True)
class ClassResult:
    """One class: `rows` counts them, `support` is their weight.

    `effective_rows` is what they are worth as evidence (Kish, 1965): their number when all weigh
    alike, less the more the weight lies on a few.
    """

    category: str
    rows: int
    effective_rows: float
    support: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a bundle did on the test rows.

    `fused` is the final answer on all rows, `shared` on the rows of the classes that both compared
    bundles know, `recent` on those listed lately. `text` and `image` are each modality alone, on
    the rows that have it. `classes` and `confusion` [K, K] (true, answered; weights) follow
    `label_space`, the one that the rows' categories were read in. `latency_ms` is the median for
    one product. `disagreement` is the weighted share of the rows that a rival, evaluated beside it,
    answers otherwise; 0 without one.
    """

    label_space: LabelSpace
    fused: Figures
    shared: Figures
    recent: Figures
    text: Figures
    image: Figures
    classes: tuple[ClassResult, ...]
    confusion: FloatArray
    low_confidence_share: float
    latency_ms: float
    disagreement: float = 0.0

    def metrics(self) -> dict[str, float]:
        """Flat figures for the registry, such as `fused_weighted_f1`; none for what has no rows."""
        groups = {
            "fused": self.fused,
            "shared": self.shared,
            "recent": self.recent,
            "text": self.text,
            "image": self.image,
        }
        flat = {
            f"{group}_{name}": float(value)
            for group, figures in groups.items()
            for name, value in asdict(figures).items()
            if figures.rows
        }
        return flat | {
            "low_confidence_share": self.low_confidence_share,
            "latency_ms": self.latency_ms,
        }

    def class_report(self) -> list[dict[str, str | float]]:
        """Per-class figures as JSON-ready rows, in label-space order."""
        return [asdict(result) for result in self.classes]
