"""Labels of random products: they tell the models' difference, each kind with its own scatter."""

from collections.abc import Callable

import numpy as np
import pytest

from ml.simulation.months import LATE, Conditions, Fall
from ml.simulation.random_labels import simulate_hits, simulate_paired, simulate_unpaired

TWO_WORSE = Conditions(disagreement=0.1, difference=-0.02, both_wrong=0.2)
HARD = Conditions(disagreement=0.1, difference=-0.02, both_wrong=0.2, hardness=LATE)


@pytest.mark.parametrize(
    ("simulate", "conditions", "scatter"),
    [
        (simulate_unpaired, TWO_WORSE, 0.83 * 0.15 + 0.85 * 0.17),
        (simulate_paired, TWO_WORSE, 0.08),
        (simulate_paired, HARD, 0.08),
    ],
)
def test_they_tell_the_difference(
    simulate: Callable[..., np.ndarray], conditions: Conditions, scatter: float
) -> None:
    rng = np.random.default_rng(1)
    counts = simulate(rng, 500, conditions, days=30, labels_per_day=100)
    assert counts.shape == (500, 30, 3)
    assert (counts.sum(axis=-1) == 100).all()
    shares = counts.sum(axis=(0, 1)) / counts.sum()
    assert shares @ [1, 0, -1] == pytest.approx(-0.02, abs=0.002)
    assert shares[0] + shares[2] == pytest.approx(scatter, abs=0.005)


def test_a_fall_is_seen_from_its_day_on() -> None:
    fall = Fall(10, 0.1, disagreement=0.2, both_wrong=0.5)
    falling = Conditions(disagreement=0.1, difference=-0.02, both_wrong=0.2, fall=fall)
    rng = np.random.default_rng(1)
    hits = simulate_hits(rng, 200, falling, days=20, labels_per_day=100)
    assert hits[:, :10].mean() == pytest.approx(83, abs=0.5)
    assert hits[:, 10:].mean() == pytest.approx(73, abs=0.5)
    paired = simulate_paired(rng, 200, falling, days=20, labels_per_day=100)
    decided = 100 - paired[..., 1]
    assert decided[:, :10].mean() == pytest.approx(8, abs=0.3)
    assert decided[:, 10:].mean() == pytest.approx(10, abs=0.3)
