"""Drift reports by Evidently: figures for the monitors and a page for people.

Nothing is phoned home: Evidently's telemetry belongs to its own server and command line, neither of
which is imported here.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.ports import DriftFigures

with warnings.catch_warnings():
    # It uses names that NumPy and Litestar have deprecated; its pinned version is ours to raise.
    warnings.simplefilter("ignore", DeprecationWarning)
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

_CATEGORY = "category"


class EvidentlyDriftReports:
    """Compares windows with methods named, never with Evidently's defaults, which change with n."""

    def compare(
        self, reference: pa.Table, current: pa.Table, *, signals: Sequence[str]
    ) -> DriftFigures:
        """KS of the signals' columns and KL of `category`, current against reference.

        Nulls are no values; a signal without a value in one of the windows is left out. The
        divergence is the sum of r ln(r / c) over the categories' shares in reference and current,
        in which a share of none counts as 0.0001: it is finite.
        """
        compared = [name for name in signals if _has(reference, name) and _has(current, name)]
        definition = DataDefinition(numerical_columns=compared, categorical_columns=[_CATEGORY])
        drifts = [ValueDrift(column=name, method="ks") for name in compared]
        report = Report([*drifts, ValueDrift(column=_CATEGORY, method="kl_div")])
        with warnings.catch_warnings():
            # SciPy says so where it approximates a p-value.
            warnings.filterwarnings("ignore", "ks_2samp: Exact", RuntimeWarning)
            snapshot = report.run(
                current_data=_dataset(current, definition),
                reference_data=_dataset(reference, definition),
            )
        *p_values, divergence = (float(metric["value"]) for metric in snapshot.dict()["metrics"])
        return DriftFigures(
            p_values=dict(zip(compared, p_values, strict=True)),
            divergence=divergence,
            html=snapshot.get_html_str(as_iframe=False).encode(),
        )


def _has(window: pa.Table, signal: str) -> bool:
    return signal in window.column_names and window[signal].null_count < len(window)


def _dataset(window: pa.Table, definition: DataDefinition) -> Any:
    columns = [*definition.numerical_columns, _CATEGORY]
    # The page has the names of categories in a script, which one named </script> would end.
    names = pc.replace_substring(window[_CATEGORY], "<", "‹")
    shown = window.set_column(window.column_names.index(_CATEGORY), _CATEGORY, names)
    return Dataset.from_pandas(shown.select(columns).to_pandas(), data_definition=definition)
