"""Simulated labels of random products, counted by day: what rules without disagreements have."""

import numpy as np

from ml.simulation.months import Conditions, FloatArray, IntArray


def simulate_hits(
    rng: np.random.Generator, months: int, conditions: Conditions, *, days: int, labels_per_day: int
) -> IntArray:
    """The candidate's right answers among each day's labels of its own traffic, [M, D]."""
    ours, _ = conditions.accuracies(days)
    return rng.binomial(labels_per_day, ours, size=(months, days))


def simulate_unpaired(
    rng: np.random.Generator, months: int, conditions: Conditions, *, days: int, labels_per_day: int
) -> IntArray:
    """Wins, ties and losses of its i-th label over the baseline's i-th, of other products.

    [M, D, 3]; `labels_per_day` are of each arm.
    """
    ours, theirs = conditions.accuracies(days)
    return _daily(rng, months, labels_per_day, ours * (1.0 - theirs), theirs * (1.0 - ours))


def simulate_paired(
    rng: np.random.Generator, months: int, conditions: Conditions, *, days: int, labels_per_day: int
) -> IntArray:
    """Wins, ties and losses on random products that both models answered, [M, D, 3]."""
    rates = [conditions.disagreement]
    if conditions.fall:
        rates.append(conditions.fall.disagreement)
    strata = [each.share for each in conditions.hardness] or [1.0]
    outcomes = np.einsum("psv,s->pv", conditions.labelled_outcomes(), strata)
    daily = (np.array(rates)[:, None] * outcomes)[conditions.fallen(days).astype(int)]
    return _daily(rng, months, labels_per_day, daily[:, 0], daily[:, 2])


def _daily(
    rng: np.random.Generator, months: int, labels: int, win: FloatArray, loss: FloatArray
) -> IntArray:
    shares = np.stack([win, 1.0 - win - loss, loss], axis=-1)
    return rng.multinomial(labels, shares, size=(months, len(shares)))
