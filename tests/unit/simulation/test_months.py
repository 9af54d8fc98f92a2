"""Simulated months: they are what their conditions say."""

from dataclasses import replace

import numpy as np
import pytest

from ml.simulation.months import LATE, Conditions, Design, Fall, Months, simulate_months

TWO_WORSE = Conditions(disagreement=0.1, difference=-0.02, both_wrong=0.2)
DESIGN = Design()


def _months(conditions: Conditions, months: int = 40, seed: int = 1) -> Months:
    return simulate_months(np.random.default_rng(seed), months, conditions, DESIGN)


def _per_draw(counts: np.ndarray, months: Months) -> float:
    return counts.sum() / months.drawn.sum()


def test_difference_and_disagreement_are_those_asked_for() -> None:
    months = _months(TWO_WORSE)
    assert _per_draw(months.wins, months) == pytest.approx(0.3, abs=0.01)
    assert _per_draw(months.ties, months) == pytest.approx(0.2, abs=0.01)
    assert _per_draw(months.losses, months) == pytest.approx(0.5, abs=0.01)
    rate = months.disagreements.sum() / months.products.sum()
    assert rate == pytest.approx(0.1, abs=0.001)
    drawn_a_day = months.drawn.sum() / months.products.sum() * DESIGN.products_per_day
    assert drawn_a_day == pytest.approx(100, rel=0.02)
    assert (months.days[:, -1] > DESIGN.days).all()


def test_equal_seeds_give_equal_months() -> None:
    late = replace(TWO_WORSE, hardness=LATE)
    assert np.array_equal(_months(late).losses, _months(late).losses)
    assert not np.array_equal(_months(late).losses, _months(late, seed=2).losses)


@pytest.mark.parametrize(("difference", "possible"), [(-0.08, True), (-0.09, False)])
def test_says_which_differences_the_disagreements_allow(difference: float, possible: bool) -> None:
    assert replace(TWO_WORSE, difference=difference).possible is possible


def test_errors_that_name_the_other_answer_pull_most_towards_zero() -> None:
    erring = replace(TWO_WORSE, reviewer_error=0.15)
    means = [
        float(outcomes[0, 0] @ [1, 0, -1])
        for outcomes in (
            TWO_WORSE.labelled_outcomes(),
            erring.labelled_outcomes(),
            replace(erring, mistaken_for_rival=1.0).labelled_outcomes(),
        )
    ]
    assert means == pytest.approx([-0.2, -0.2 * (0.85 - 0.15 / 26), -0.2 * 0.7])


def test_hard_products_are_labelled_late_and_less_often() -> None:
    months = _months(replace(TWO_WORSE, hardness=LATE))
    labelled = (months.wins + months.ties + months.losses).sum(axis=(0, 1))
    drawn = months.drawn.sum(axis=(0, 1))
    shares = labelled / drawn
    assert drawn / drawn.sum() == pytest.approx([0.3, 0.4, 0.3], abs=0.01)
    assert (np.diff(shares) > 0.1).all()
    assert (shares < [0.55, 0.8, 0.95]).all()  # some answers come after the wait
    scored_at = months.products.cumsum(axis=1) / DESIGN.products_per_day
    waits = months.days - scored_at
    assert 0 <= waits.min() < waits.max() <= DESIGN.wait_days + 1e-9
    assert (np.diff(months.days) >= 0).all()


def test_both_models_fall_together() -> None:
    falling = replace(TWO_WORSE, fall=Fall(10, 0.1, disagreement=0.2, both_wrong=0.5))
    months = _months(falling)
    begun = (months.products.cumsum(axis=1) - months.products) / DESIGN.products_per_day
    after = begun >= 10
    for rows, rate, wrong in ((~after, 0.1, 0.2), (after, 0.2, 0.5)):
        seen = months.disagreements[rows].sum() / months.products[rows].sum()
        assert seen == pytest.approx(rate, rel=0.02)
        assert months.ties[rows].sum() / months.drawn[rows].sum() == pytest.approx(wrong, abs=0.01)
