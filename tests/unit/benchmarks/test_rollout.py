"""`make bench-rollout`, small: every key, every rule, the same figures for the same seed."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from benchmarks.accuracy import AUDIT_SHARES, intervals, simulate_accuracy
from benchmarks.cells import all_cells
from benchmarks.rollout import report
from benchmarks.summary import DEFINITIONS
from benchmarks.tables import print_all
from benchmarks.trial import CellFigures, run_cell, share_of
from ml.demo.rules import RULES
from ml.stats.proportion import share_estimate
from ml.wiring.config import Settings

KEYS = {
    "false_rollback_max",
    "false_rollback_max_naive",
    "false_promotion_max",
    "promoted_equal",
    "median_labels_drop2",
    "stopped_share_drop2",
    "ratio_to_unpaired",
    "weighted_coverage",
    "naive_bias_points",
}


def _tiny() -> list[CellFigures]:
    """Cells of 10 % disagreement, a few months each."""
    cells = [each for each in all_cells() if each.conditions.disagreement == 0.10]
    return [
        run_cell(cell, months=12, seed=1, settings=Settings())
        for cell in cells
        if cell.conditions.reviewer_error == 0.0 or cell.conditions.mistaken_for_rival == 1.0
    ]


def test_a_tiny_run_has_every_figure() -> None:
    rng, tiny = np.random.default_rng(1), _tiny()
    audits = [simulate_accuracy(rng, 50, share, Settings()) for share in AUDIT_SHARES]
    result = report(tiny, audits, months=12, seed=1)
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result, allow_nan=False))
    summary = result["summary"]
    assert isinstance(summary, dict)
    assert KEYS <= set(summary) == set(DEFINITIONS)
    assert all(value is not None for value in summary.values())
    cells = result["cells"]
    assert isinstance(cells, list)
    assert {each["possible"] for each in cells} == {True, False}
    assert all(set(each["rules"]) == set(RULES) for each in cells if each["possible"])
    shown = StringIO()
    print_all(Console(file=shown), tiny, audits, summary)
    assert shown.getvalue().count("impossible") == len([each for each in tiny if not each.rules])
    assert "at least one of them in at most 46% of years" in shown.getvalue()
    assert summary["stopped_share_drop2"] == 1.0
    assert summary["false_rollback_max_naive"] == 1.0  # both fall together


def test_figures_depend_on_cell_and_seed_alone() -> None:
    cell = all_cells()[0]
    once, again = (run_cell(cell, months=20, seed=3, settings=Settings()) for _ in range(2))
    assert once == again
    assert once != run_cell(cell, months=20, seed=4, settings=Settings())


def test_names_of_cells_are_their_own() -> None:
    names = [cell.name for cell in all_cells()]
    assert len(set(names)) == len(names)


def test_interval_of_a_share_of_months() -> None:
    share = share_of(np.arange(20) < 1)
    assert (share.low, share.high) == pytest.approx((0.0012651, 0.2487328), abs=1e-6)
    assert (share_of(np.zeros(9, bool)).low, share_of(np.ones(9, bool)).high) == (0.0, 1.0)


def test_intervals_of_many_months_are_those_of_one() -> None:
    probabilities = np.array([0.4, 0.01])
    labels, hits = np.array([[900, 80], [500, 0]]), np.array([[560, 72], [500, 0]])
    centre, reach = intervals(hits, labels, probabilities)
    for month in range(2):
        rows = np.concatenate(
            [np.arange(of) < right for of, right in zip(labels[month], hits[month], strict=True)]
        )
        alone = share_estimate(rows, np.repeat(probabilities, labels[month]))
        low, high = centre[month] - reach[month], centre[month] + reach[month]
        assert (alone.low, alone.high) == pytest.approx((low, min(high, 1.0)))
