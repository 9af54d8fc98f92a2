"""The other rules: each on months made by hand, and how often they are wrong."""

import numpy as np
import pytest

from ml.rollout.judge import JudgePolicy
from ml.rollout.rivals import observed_drop, paired_bets, peeked_z_test, unpaired_bets
from ml.simulation.months import Conditions, Design, Months, simulate_months
from ml.simulation.random_labels import simulate_paired, simulate_unpaired

POLICY = JudgePolicy(
    false_stop_rate=0.025,
    false_promotion_rate=0.05,
    margin=0.01,
    label_error=0.15,
    max_accuracy_drop=0.02,
    max_days=30,
)
EQUAL = Conditions(disagreement=0.1, difference=0.0, both_wrong=0.2)
WORSE = Conditions(disagreement=0.1, difference=-0.08, both_wrong=0.2)


def test_observed_drop_looks_daily_once_it_has_labels_enough() -> None:
    hits = np.array([[60, 90, 90, 90], [85, 85, 85, 70], [90, 90, 90, 90]])
    verdicts = observed_drop(hits, 100, baseline=0.85, max_drop=0.02, min_labels=200)
    assert verdicts.stopped.tolist() == [True, True, False]
    assert verdicts.promoted.tolist() == [False, False, True]
    assert verdicts.labels.tolist() == [200, 400, 400]
    assert verdicts.days.tolist() == [2, 4, 4]


def test_a_window_forgets_older_labels() -> None:
    hits = np.array([[95, 95, 95, 95, 82, 82]])
    rule = {"baseline": 0.85, "max_drop": 0.02, "min_labels": 200}
    assert not observed_drop(hits, 100, **rule).stopped.any()
    windowed = observed_drop(hits, 100, **rule, window_days=2)
    assert windowed.stopped.all()
    assert windowed.days.tolist() == [6]


def test_the_z_test_looks_in_the_evening_only() -> None:
    def counts(losses: list[int]) -> Months:
        lost = np.array(losses).reshape(1, 4, 1)
        drawn = np.full_like(lost, 10)
        scored = np.full((1, 4), 500)
        days = np.array([[0.4, 0.9, 1.5, 1.9]])
        none = np.zeros_like(lost)
        return Months(days, scored, scored, drawn, drawn - lost, none, lost)

    assert not peeked_z_test(counts([10, 0, 5, 5]), z=1.96, max_days=30).stopped.any()
    late = peeked_z_test(counts([5, 5, 10, 10]), z=1.96, max_days=30)
    assert late.stopped.all()
    assert late.labels.tolist() == [40]
    assert peeked_z_test(counts([5, 5, 10, 10]), z=1.96, max_days=1).promoted.all()


def test_peeking_is_wrong_far_more_often_than_its_level() -> None:
    months = simulate_months(np.random.default_rng(1), 400, EQUAL, Design())
    assert peeked_z_test(months, z=1.96, max_days=30).stopped.mean() > 0.08


@pytest.mark.parametrize(
    ("rule", "simulate"), [(unpaired_bets, simulate_unpaired), (paired_bets, simulate_paired)]
)
def test_bets_stop_the_worse_and_rarely_the_equal(rule, simulate) -> None:
    rng = np.random.default_rng(1)
    worse = rule(simulate(rng, 100, WORSE, days=30, labels_per_day=100), 100, POLICY)
    assert worse.stopped.all()
    assert (worse.labels == worse.days * 100).all()
    equal = rule(simulate(rng, 400, EQUAL, days=30, labels_per_day=100), 100, POLICY)
    assert equal.stopped.mean() <= POLICY.false_stop_rate
