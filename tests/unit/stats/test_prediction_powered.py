"""The powered share against the published implementation, and against truths it must cover."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.stats.prediction_powered import (
    difference_estimate,
    prediction_powered_share,
    tuned_power,
)
from ml.stats.proportion import Z_95, share_estimate

FloatArray = NDArray[np.float64]

_NUMBERS = np.arange(40)
CONFIDENCE = 0.5 + 0.5 * ((_NUMBERS * 7) % 40) / 40
HITS = CONFIDENCE + ((_NUMBERS * 29) % 40) / 40 > 0.95
WEIGHTS = np.where(CONFIDENCE < 0.8, 1.0, 5.0)

# ppi-python 0.2.3, on these rows and four million unlabelled ones of surrogate 0.83:
# ppi_mean_ci(alpha=0.05, lam=power) and ppi_mean_pointestimate(lam=power, w=WEIGHTS).
PUBLISHED = [
    (0.0, 0.61581044, 0.88418956, 0.90384615),
    (0.4, 0.65868342, 0.91031658, 0.90142308),
    (1.0, 0.71893002, 0.95356998, 0.89778846),
]


@pytest.mark.parametrize(("power", "low", "high", "weighted"), PUBLISHED)
def test_it_is_the_published_estimate(power, low, high, weighted) -> None:
    value, error = difference_estimate(HITS.astype(float), np.ones(40), CONFIDENCE, 0.83, power)
    assert value - Z_95 * error == pytest.approx(low, abs=1e-6)
    assert value + Z_95 * error == pytest.approx(high, abs=1e-6)
    value, _ = difference_estimate(HITS.astype(float), WEIGHTS, CONFIDENCE, 0.83, power)
    assert value == pytest.approx(weighted, abs=1e-6)


def test_the_tuned_power_beats_every_other() -> None:
    values = HITS.astype(float)
    tuned = tuned_power(values, WEIGHTS, CONFIDENCE)
    errors = [
        difference_estimate(values, WEIGHTS, CONFIDENCE, 0.83, power)[1]
        for power in (tuned, *np.linspace(0, 1, 101))
    ]
    assert min(errors) == errors[0]


def test_an_unrelated_surrogate_changes_nothing() -> None:
    chances = np.full(40, 0.5)
    for surrogate in (np.full(40, 0.7), 1 - CONFIDENCE):
        powered = prediction_powered_share(HITS, chances, surrogate, surrogate_mean=0.9)
        assert powered.power == 0.0
        plain = share_estimate(HITS, chances)
        assert vars(powered.estimate) == pytest.approx(vars(plain))


def test_a_share_needs_rows() -> None:
    with pytest.raises(ValueError, match="labelled rows"):
        prediction_powered_share(np.zeros(0, bool), np.zeros(0), np.zeros(0), surrogate_mean=0.5)


@pytest.mark.parametrize("calibrated", [True, False])
def test_its_intervals_cover_the_truth_and_are_shorter(calibrated: bool) -> None:
    """20,000 products; the unsure ones drawn at 20 %, all audited at 2 %; 600 months."""
    rng = np.random.default_rng(11)
    confidence = rng.beta(5, 1, 20_000)
    truth = confidence if calibrated else confidence**2
    chances = np.where(confidence < 0.8, 1 - 0.98 * 0.8, 0.02)
    covered, widths = np.zeros(2), np.zeros(2)
    for _ in range(600):
        drawn = rng.random(20_000) < chances
        hits = rng.random(drawn.sum()) < truth[drawn]
        powered = prediction_powered_share(
            hits, chances[drawn], confidence[drawn], surrogate_mean=float(confidence.mean())
        )
        plain = share_estimate(hits, chances[drawn])
        for place, one in enumerate((powered.estimate, plain)):
            covered[place] += one.low <= truth.mean() <= one.high
            widths[place] += one.width
    assert (covered / 600 > 0.93).all()
    assert (covered / 600 < 0.975).all()
    assert widths[0] < 0.97 * widths[1]
