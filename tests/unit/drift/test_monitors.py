"""What each monitor takes for drift, and how seldom it takes chance for it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.domain.drift import Finding
from ml.drift.monitors import watch_concept, watch_confidence, watch_data, watch_prediction
from tests.fakes.drift_reports import PlainDriftReports
from tests.unit.drift.served import CATEGORIES, POLICY, SIGNALS, a_window, outcomes


def inputs_and_answers(reference: pa.Table, current: pa.Table) -> tuple[Finding, Finding]:
    """What the monitors of data and prediction find."""
    figures = PlainDriftReports().compare(reference, current, signals=SIGNALS)
    return (
        watch_data(reference, current, figures.p_values, POLICY),
        watch_prediction(reference, current, figures.divergence, POLICY),
    )


@pytest.mark.parametrize(("products", "data_alarms"), [(200, 0.12), (500, 0.12), (2_000, 0.0)])
def test_windows_of_one_distribution_seldom_alarm(products: int, data_alarms: float) -> None:
    """The false-discovery rate bounds data at 5 % a check; windows of 2,000 need more to alarm."""
    found = [
        inputs_and_answers(
            a_window(2 * seed, products=products), a_window(2 * seed + 1, products=products)
        )
        for seed in range(50)
    ]
    assert sum(data.drifted for data, _ in found) / 50 <= data_alarms
    assert not any(prediction.drifted for _, prediction in found)


@pytest.mark.parametrize("products", [500, 2_000])
def test_a_shift_of_half_a_deviation_is_found_and_named(products: int) -> None:
    for seed in range(10):
        reference = a_window(2 * seed, products=products)
        shifted = a_window(2 * seed + 1, products=products, shift=0.5)
        data, _ = inputs_and_answers(reference, shifted)
        assert data.drifted
        assert data.reason.startswith("shifted signals: signal_0 (distance 0.")
        assert data.numbers["signal_0_distance"] > 0.1
        assert data.numbers["signal_0_p_value"] < 0.01


def test_a_sure_but_small_shift_is_no_drift() -> None:
    reference, current = a_window(1, products=20_000), a_window(2, products=20_000, shift=0.1)
    data, _ = inputs_and_answers(reference, current)
    assert data.numbers["signal_0_p_value"] < 1e-10
    assert not data.drifted
    assert data.reason == "none of 12 signals shifted by a KS distance of 0.1"


def test_a_large_distance_between_few_products_is_no_drift() -> None:
    data, _ = inputs_and_answers(a_window(1, products=30), a_window(2, products=30))
    assert max(data.numbers[f"{name}_distance"] for name in SIGNALS) > 0.2
    assert not data.drifted


def test_a_signal_that_some_products_lack_is_compared_on_the_others() -> None:
    reference, current = a_window(1), a_window(2, shift=1.0)
    lacking = pa.array([None, *current["signal_0"].to_pylist()[1:]], pa.float64())
    current = current.set_column(current.column_names.index("signal_0"), "signal_0", lacking)
    data, _ = inputs_and_answers(reference, current)
    assert data.drifted


@pytest.mark.parametrize(("having", "drifted"), [(19, False), (20, True)])
@pytest.mark.parametrize("lacking", ["reference", "current"])
def test_a_signal_of_few_products_says_nothing(lacking: str, having: int, drifted: bool) -> None:
    """They may all be odd: what they share with the others is not known."""
    windows = {"reference": a_window(1), "current": a_window(2, shift=9.0)}
    window = windows[lacking]
    values = window["signal_0"].to_pylist()[:having] + [None] * (window.num_rows - having)
    place = window.column_names.index("signal_0")
    windows[lacking] = window.set_column(place, "signal_0", pa.array(values, pa.float64()))
    data, _ = inputs_and_answers(**windows)
    assert data.drifted is drifted
    assert data.numbers["signals"] == 11 + drifted


def test_without_signals_there_is_no_data_drift() -> None:
    assert not watch_data(a_window(1), a_window(2), {}, POLICY).drifted


def test_a_category_that_grows_is_found_in_the_answers() -> None:
    grown = np.ones(len(CATEGORIES))
    grown[0] = 20
    data, prediction = inputs_and_answers(
        a_window(1, products=2_000), a_window(2, products=2_000, shares=grown)
    )
    assert prediction.drifted
    assert prediction.numbers["divergence"] > POLICY.max_divergence
    assert not data.drifted


def test_small_windows_may_diverge_by_what_chance_explains() -> None:
    reference, current = a_window(1, products=200), a_window(2, products=200)
    _, prediction = inputs_and_answers(reference, current)
    assert prediction.numbers["divergence"] > POLICY.max_divergence
    assert not prediction.drifted


@pytest.mark.parametrize(
    ("before", "now", "drifted"),
    [
        ((900, 100), (860, 140), True),  # 4 points on a thousand labels
        ((900, 100), (880, 120), False),  # 2 points: allowed
        ((9_000, 1_000), (8_750, 1_250), False),  # 2.5 points: sure, but allowed
        ((90, 10), (84, 16), False),  # 6 points on a hundred labels: chance
        ((90, 10), (70, 30), True),
        ((900, 100), (950, 50), False),  # better
        ((99, 0), (50, 50), False),  # a label too few
        ((100, 0), (100, 0), False),
    ],
)
def test_concept_drift_is_a_large_and_certain_drop(before, now, drifted) -> None:
    assert watch_concept(outcomes(*before), outcomes(*now), POLICY).drifted is drifted


def test_no_labels_are_too_few_labels() -> None:
    finding = watch_concept(outcomes(0, 0), outcomes(0, 0), POLICY)
    assert not finding.drifted
    assert finding.reason == "0 and 0 labels, fewer than 100 a window"


def test_reviewing_more_hard_products_is_no_concept_drift() -> None:
    """Both windows are right on 90 %; now nine times as many of the wrong answers are reviewed."""
    before = outcomes(900, 100, probabilities=(0.1, 0.1))
    now = outcomes(900, 900, probabilities=(0.1, 0.9))
    finding = watch_concept(before, now, POLICY)
    assert finding.numbers["drop"] == pytest.approx(0.0)
    assert not finding.drifted


@pytest.mark.parametrize(("confidence", "drifted"), [(0.74, True), (0.75, False), (0.9, False)])
def test_unsure_answers_are_confidence_drift(confidence: float, drifted: bool) -> None:
    finding = watch_confidence(a_window(1, confidence=confidence), POLICY)
    assert finding.drifted is drifted
    assert finding.numbers["mean_confidence"] == pytest.approx(confidence)


def test_the_bounds_are_the_policys() -> None:
    reference, current = a_window(1), a_window(2, shift=1.0)
    figures = PlainDriftReports().compare(reference, current, signals=SIGNALS)
    lax = replace(POLICY, min_distance=0.9, max_divergence=9.0, min_confidence=0.1)
    assert not watch_data(reference, current, figures.p_values, lax).drifted
    assert not watch_prediction(reference, current, 8.0, lax).drifted
    assert not watch_confidence(a_window(1, confidence=0.2), lax).drifted
