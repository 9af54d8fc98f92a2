"""What two reviewers' agreement says of their labels, and what wrong labels cost."""

import numpy as np
import pytest

from ml.stats.agreement import label_inflation, reviewer_error


@pytest.mark.parametrize("classes", [2, 5, 27])
@pytest.mark.parametrize("error", [0.0, 0.05, 0.15, 0.3])
def test_the_error_is_found_again(error: float, classes: int) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, classes, 200_000)

    def vote() -> np.ndarray:
        wrong = rng.random(len(truth)) < error
        return np.where(wrong, (truth + rng.integers(1, classes, len(truth))) % classes, truth)

    agreement = float((vote() == vote()).mean())
    assert reviewer_error(agreement, classes=classes) == pytest.approx(error, abs=0.01)


def test_agreement_by_chance_is_the_error_of_a_guess() -> None:
    assert reviewer_error(0.2, classes=5) == pytest.approx(0.8)
    assert reviewer_error(0.0, classes=5) == pytest.approx(0.8)
    assert reviewer_error(0.5, classes=1) == 0.0


@pytest.mark.parametrize("error", [0.05, 0.1, 0.15])
def test_so_many_times_the_labels_bring_the_power_back(error: float) -> None:
    """A paired test of wins and losses at the 5 % level, when 60 % of the labels are wins."""
    rng = np.random.default_rng(2)

    def power(labels: int, error: float) -> float:
        wins = rng.binomial(labels, 0.6 * (1 - error) + 0.4 * error, 20_000)
        return float((wins - labels / 2 > 1.645 * np.sqrt(labels) / 2).mean())

    exact = power(200, 0.0)
    assert power(round(200 * label_inflation(error)), error) == pytest.approx(exact, abs=0.04)
    assert power(200, error) < exact - 0.05
