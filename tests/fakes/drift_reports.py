"""A drift report by the book, without Evidently."""

import warnings
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from scipy.stats import entropy, ks_2samp

from ml.domain.ports import DriftFigures


class PlainDriftReports:
    """A share of none counts as 0.0001; a signal without values is left out."""

    def compare(
        self, reference: pa.Table, current: pa.Table, *, signals: Sequence[str]
    ) -> DriftFigures:
        p_values = {}
        for name in signals:
            before, after = _values(reference, name), _values(current, name)
            if len(before) and len(after):
                p_values[name] = _p_value(before, after)
        return DriftFigures(p_values, _divergence(reference, current), b"<html>drift</html>")


def _values(window: pa.Table, name: str) -> np.ndarray:
    if name not in window.column_names:
        return np.empty(0)
    return window[name].drop_null().to_numpy()


def _p_value(before: np.ndarray, after: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ks_2samp: Exact", RuntimeWarning)
        return float(ks_2samp(before, after).pvalue)


def _divergence(reference: pa.Table, current: pa.Table) -> float:
    before, after = (window["category"].to_pylist() for window in (reference, current))
    classes = sorted({*before, *after})
    return float(entropy(_shares(before, classes), _shares(after, classes)))


def _shares(categories: list[str], classes: list[str]) -> list[float]:
    return [categories.count(each) / len(categories) or 0.0001 for each in classes]
