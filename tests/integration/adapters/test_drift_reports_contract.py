"""The contract of DriftReports: figures that SciPy agrees with, whatever the windows look like."""

import sys
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import entropy, ks_2samp

from ml.adapters.drift_reports import EvidentlyDriftReports
from ml.domain.ports import DriftReports
from tests.fakes import FakeServices

CATEGORIES = np.array(["2583", "60", "Jeux & jouets"])


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
def reports(request: pytest.FixtureRequest) -> DriftReports:
    return FakeServices().drift_reports if request.param == "fake" else EvidentlyDriftReports()


def window(categories: list[str], **signals: list[float | None]) -> pa.Table:
    columns: Mapping[str, object] = {
        name: pa.array(values, pa.float64()) for name, values in signals.items()
    }
    return pa.table({"category": pa.array(categories, pa.string()), **columns})


def random_window(seed: int, *, shift: float = 0.0, products: int = 400) -> pa.Table:
    """Two signals, one of which a third of the products has not, and three categories."""
    rng = np.random.default_rng(seed)
    lacking = rng.random(products) < 1 / 3
    return window(
        rng.choice(CATEGORIES, products, p=[0.5, 0.3, 0.2]).tolist(),
        length=(rng.normal(size=products) + shift).tolist(),
        light=[
            None if none else value
            for none, value in zip(lacking, rng.random(products), strict=True)
        ],
    )


def values(table: pa.Table, signal: str) -> np.ndarray:
    return table[signal].drop_null().to_numpy()


def shares(table: pa.Table) -> np.ndarray:
    counts = np.array([table["category"].to_pylist().count(name) for name in CATEGORIES])
    return counts / counts.sum()


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_figures_are_scipys(reports, shift):
    reference, current = random_window(1), random_window(2, shift=shift)
    figures = reports.compare(reference, current, signals=["length", "light"])
    for signal, p_value in figures.p_values.items():
        expected = ks_2samp(values(reference, signal), values(current, signal)).pvalue
        assert p_value == pytest.approx(expected, rel=1e-6)
    assert list(figures.p_values) == ["length", "light"]
    assert (figures.p_values["length"] < 0.001) == (shift > 0)
    assert figures.divergence == pytest.approx(entropy(shares(reference), shares(current)))


def test_the_report_is_a_page(reports):
    figures = reports.compare(random_window(1), random_window(2), signals=["length"])
    assert b"<html" in figures.html


def test_a_signal_that_a_window_lacks_is_left_out(reports):
    there, gone = [1.0, 2.0, 3.0], [None, None, None]
    reference = window(["a", "b", "a"], one=there, two=gone, both=gone, kept=there)
    current = window(["a", "b", "a"], one=gone, two=there, both=gone, kept=there, new=there)
    figures = reports.compare(reference, current, signals=["one", "two", "both", "kept", "new"])
    assert figures.p_values == {"kept": pytest.approx(1.0)}


def test_no_signals_still_compare_categories(reports):
    figures = reports.compare(window(["a", "b"]), window(["a", "b"]), signals=[])
    assert (figures.p_values, figures.divergence) == ({}, pytest.approx(0.0))


def test_constant_signals_are_compared(reports):
    reference = window(["a"] * 50, same=[3.0] * 50, moved=[0.0] * 50)
    current = window(["a"] * 50, same=[3.0] * 50, moved=[1.0] * 50)
    p_values = reports.compare(reference, current, signals=["same", "moved"]).p_values
    assert p_values["same"] == pytest.approx(1.0)
    assert p_values["moved"] < 1e-20


def test_two_products_are_enough_to_say_nothing(reports):
    figures = reports.compare(
        window(["a", "b"], length=[1.0, 2.0]), window(["b"], length=[9.0]), signals=["length"]
    )
    assert figures.p_values["length"] > 0.3


@pytest.mark.parametrize(
    ("before", "after"), [(["a", "b"], ["a", "c"]), (["a", "b"], ["a"]), (["a"], ["b"])]
)
def test_categories_that_come_and_go_diverge_by_a_finite_amount(reports, before, after):
    many, few = window(before * 100), window(after * 100)
    assert 0.5 < reports.compare(many, few, signals=[]).divergence < 20


@pytest.mark.integration
def test_the_page_runs_no_script_of_a_category():
    hostile = window(["</script><script>alert(1)</script>", "a"] * 20)
    page = EvidentlyDriftReports().compare(hostile, hostile, signals=[]).html
    assert b"<script>alert" not in page


@pytest.mark.integration
def test_the_page_shows_every_signal():
    page = EvidentlyDriftReports().compare(random_window(1), random_window(2), signals=["light"])
    assert b"light" in page.html


@pytest.mark.integration
def test_nothing_is_phoned_home():
    EvidentlyDriftReports().compare(random_window(1), random_window(2), signals=["length"])
    assert "evidently.telemetry" not in sys.modules
    assert "iterative_telemetry" not in sys.modules
