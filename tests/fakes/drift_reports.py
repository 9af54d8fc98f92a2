"""A drift report by the book, without Evidently."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from scipy.stats import entropy, ks_2samp

from ml.domain.ports import DriftFigures


class PlainDriftReports:
    """Shares of classes are smoothed by half a product; a signal without values is left out."""

    def compare(
        self, reference: pa.Table, current: pa.Table, *, signals: Sequence[str]
    ) -> DriftFigures:
        p_values = {}
        for name in signals:
            before, after = _values(reference, name), _values(current, name)
            if len(before) and len(after):
                p_values[name] = float(ks_2samp(before, after, method="asymp").pvalue)
        return DriftFigures(p_values, _divergence(reference, current), b"<html>drift</html>")


def _values(window: pa.Table, name: str) -> np.ndarray:
    if name not in window.column_names:
        return np.empty(0)
    return window[name].drop_null().to_numpy()


def _divergence(reference: pa.Table, current: pa.Table) -> float:
    before, after = (window["category"].to_pylist() for window in (reference, current))
    classes = sorted({*before, *after})
    shares = [[categories.count(each) + 0.5 for each in classes] for categories in (after, before)]
    return float(entropy(*shares)) if classes else 0.0
