import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.stats.calibration import (
    MIN_TEMPERATURE,
    apply_temperature,
    calibration_noise,
    expected_calibration_error,
    fit_temperature,
    log_loss,
)

scores = arrays(np.float64, (5, 4), elements=st.floats(-20, 20))


def softmax(values):
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def sample(rng, probabilities):
    """One class a row, drawn with the row's probabilities."""
    return (probabilities.cumsum(axis=1) < rng.random((len(probabilities), 1))).sum(axis=1)


@given(scores, st.floats(0.05, 20))
def test_a_temperature_divides_the_scores(values, temperature):
    scaled = apply_temperature(softmax(values), temperature)
    np.testing.assert_allclose(scaled, softmax(values / temperature), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)


def test_a_temperature_keeps_zeros_and_nan_rows():
    rows = np.array([[0.5, 0.5, 0.0], [np.nan] * 3])
    scaled = apply_temperature(rows, 3.0)
    assert scaled[0].tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(scaled[1]).all()


@pytest.mark.parametrize("planted", [0.3, 1.0, 2.5])
def test_fit_finds_the_temperature_that_was_put_in(planted):
    rng = np.random.default_rng(3)
    true = softmax(rng.normal(size=(20_000, 5)))
    distorted = apply_temperature(true, 1 / planted)
    fitted = fit_temperature(distorted, sample(rng, true), np.ones(len(true)))
    assert fitted == pytest.approx(planted, rel=0.05)


def test_fit_weighs_rows_like_repeated_rows():
    rng = np.random.default_rng(4)
    rows = softmax(rng.normal(size=(60, 3)))
    targets = rng.integers(0, 3, 60)
    counts = rng.integers(1, 5, 60)
    repeated = fit_temperature(
        rows.repeat(counts, axis=0), targets.repeat(counts), np.ones(counts.sum())
    )
    assert fit_temperature(rows, targets, counts.astype(float)) == pytest.approx(repeated, rel=1e-3)


def test_fit_without_a_row_to_learn_from_changes_nothing():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int), np.empty(0)) == 1.0
    unseen = np.array([[1.0, 0.0]])
    assert fit_temperature(unseen, np.array([1]), np.ones(1)) == 1.0


def test_fit_stays_in_its_bounds_when_every_answer_is_right():
    rows = np.array([[0.9, 0.1], [0.8, 0.2]])
    fitted = fit_temperature(rows, np.array([0, 0]), np.ones(2))
    assert MIN_TEMPERATURE <= fitted < MIN_TEMPERATURE * 1.01


def test_log_loss_leaves_out_classes_never_seen():
    rows = np.array([[0.25, 0.75, 0.0], [0.5, 0.5, 0.0]])
    assert log_loss(rows, np.array([0, 2]), np.ones(2)) == pytest.approx(np.log(4))
    assert log_loss(rows[1:], np.array([2]), np.ones(1)) == 0.0


def test_calibration_error_by_hand():
    # Two bins: 0.5 is right once in weight 1 of 4, 0.99 always.
    confidences = np.array([0.5, 0.5, 0.99])
    correct = np.array([True, False, True])
    error = expected_calibration_error(confidences, correct, np.array([1.0, 3.0, 4.0]))
    assert error == pytest.approx((4 * 0.25 + 4 * 0.01) / 8)


def test_calibration_error_and_noise_of_no_rows_are_zero():
    nothing = np.empty(0)
    assert expected_calibration_error(nothing, nothing.astype(bool), nothing) == 0.0
    assert calibration_noise(nothing, nothing) == 0.0


def test_noise_is_what_a_calibrated_model_shows_on_average():
    rng = np.random.default_rng(5)
    confidences, weights = rng.uniform(0.3, 1, 300), rng.uniform(1, 4, 300)
    errors = [
        expected_calibration_error(confidences, rng.random(300) < confidences, weights)
        for _ in range(400)
    ]
    assert calibration_noise(confidences, weights) == pytest.approx(np.mean(errors), rel=0.05)


def test_a_confidence_beyond_one_by_rounding_is_taken():
    beyond = np.array([1 + 2e-16, 1.0])
    assert calibration_noise(beyond, np.ones(2)) == 0.0
    assert expected_calibration_error(beyond, np.array([True, True]), np.ones(2)) < 1e-12
