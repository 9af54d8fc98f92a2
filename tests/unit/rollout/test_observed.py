"""The observed rule on planted trials: what is known to be bad goes, what is not stays."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.ports import OUTCOME_SCHEMA
from ml.domain.predictions import Arm
from ml.rollout.decisions import Continue, Expire, Promote, Stop
from ml.rollout.observed import ArmFigures, ObservedPolicy, arm_figures, judge_observed
from ml.stats.proportion import WeightedShare

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = ObservedPolicy(min_labels=200, max_accuracy_drop=0.02, max_days=30)
SEEDS = range(40)


def arm(accuracy: float, labels: int = 500) -> ArmFigures:
    return ArmFigures(WeightedShare(accuracy, 0.01, labels, float(labels)))


def outcome(
    product: str, *, right: bool, arm: Arm = Arm.CHAMPION, chance: float = 1.0, hour: int = 0
) -> dict[str, object]:
    """One labelled answer of the trial."""
    return {
        "prediction_id": f"{product}-{hour}",
        "product_id": product,
        "model_version": 1,
        "arm": arm.value,
        "category": "books",
        "label": "books" if right else "shoes",
        "confidence": 0.9,
        "inclusion_probability": chance,
        "predicted_at": START + timedelta(hours=hour),
        "labelled_at": START + timedelta(days=1),
    }


def table(rows: Sequence[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=OUTCOME_SCHEMA)


@pytest.mark.parametrize(
    ("champion", "challenger", "expected"),
    [
        (0.90, 0.95, Promote),
        (0.90, 0.90, Promote),
        (0.90, 0.88, Promote),  # two points are allowed, though 0.90 - 0.88 > 0.02 in floats
        (0.90, 0.8799, Stop),
        (0.90, 0.10, Stop),
    ],
)
def test_more_than_two_points_under_the_champion_is_rolled_back(
    champion: float, challenger: float, expected: type
) -> None:
    assert type(judge_observed(arm(champion), arm(challenger), POLICY, days=1)) is expected


@pytest.mark.parametrize(("champion", "challenger"), [(199, 500), (500, 199), (0, 0)])
def test_too_few_labels_of_either_arm_decide_nothing(champion: int, challenger: int) -> None:
    decision = judge_observed(arm(0.9, champion), arm(0.1, challenger), POLICY, days=29.9)
    assert isinstance(decision, Continue)
    assert "needs 200 of each" in decision.reason


@pytest.mark.parametrize(("champion", "challenger"), [(199, 500), (500, 199), (0, 0)])
def test_a_trial_that_does_not_get_its_labels_ends(champion: int, challenger: int) -> None:
    decision = judge_observed(arm(0.9, champion), arm(0.9, challenger), POLICY, days=30)
    assert isinstance(decision, Expire)
    assert f"{challenger} labels of the challenger" in decision.reason
    assert "30 days did not bring them" in decision.reason
    assert (decision.numbers["days"], decision.numbers["max_days"]) == (30, 30)


def test_a_long_trial_with_its_labels_is_decided_by_them() -> None:
    assert isinstance(judge_observed(arm(0.9), arm(0.9), POLICY, days=300), Promote)


def test_a_decision_says_what_it_was_made_on() -> None:
    decision = judge_observed(arm(0.90, 700), arm(0.80, 300), POLICY, days=1)
    assert "0.8000 on 300" in decision.reason
    assert "0.9000 on 700" in decision.reason
    assert decision.numbers["accuracy_drop"] == pytest.approx(0.1)
    assert decision.numbers["challenger_labels"] == 300
    assert decision.numbers["champion_labels"] == 700
    assert decision.numbers["max_accuracy_drop"] == 0.02


def test_an_arm_without_labels_has_no_accuracy_to_show() -> None:
    numbers = judge_observed(arm(0.9), arm(0.0, labels=0), POLICY, days=1).numbers
    assert numbers["challenger_labels"] == 0
    assert "challenger_accuracy" not in numbers
    assert "accuracy_drop" not in numbers


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.integers(0, 1000), st.integers(0, 1000)
)
def test_drift_that_pulls_both_arms_alike_changes_no_decision(
    champion: float, challenger: float, drift: float, labels: int, others: int
) -> None:
    """There is no baseline of the past: only the difference of the arms counts."""
    before = judge_observed(arm(champion, labels), arm(challenger, others), POLICY, days=1)
    after = judge_observed(
        arm(champion + drift, labels), arm(challenger + drift, others), POLICY, days=1
    )
    near = abs(champion - challenger - POLICY.max_accuracy_drop) < 1e-8
    assert near or type(before) is type(after)


def test_a_label_speaks_for_the_products_that_were_not_chosen() -> None:
    """Hard products are all labelled, one in ten of the easy ones: each of those counts for ten."""
    hard = [outcome(f"hard{number}", right=False) for number in range(10)]
    easy = [outcome(f"easy{number}", right=True, chance=0.1) for number in range(9)]
    figures = arm_figures(table(hard + easy), Arm.CHAMPION)
    assert figures.accuracy.value == pytest.approx(90 / 100)
    assert figures.accuracy.labels == 19


def test_a_product_counts_once_as_it_was_first_answered() -> None:
    rows = [
        outcome("p1", right=True, hour=3),
        outcome("p1", right=False, hour=1),
        outcome("p1", right=True, hour=2),
        outcome("p2", right=True, hour=1),
    ]
    figures = arm_figures(table(rows), Arm.CHAMPION)
    assert (figures.accuracy.labels, figures.accuracy.value) == (2, 0.5)


def test_each_arm_is_read_on_its_own() -> None:
    rows = [
        outcome("p1", right=True),
        outcome("p2", right=False, arm=Arm.CHALLENGER),
        outcome("p1", right=True, arm=Arm.CHALLENGER, hour=1),
    ]
    assert arm_figures(table(rows), Arm.CHAMPION).accuracy.labels == 1
    assert arm_figures(table(rows), Arm.CHALLENGER).accuracy.labels == 2
    assert arm_figures(table([]), Arm.CHALLENGER).accuracy.labels == 0


def trial(seed: int, *, champion: float, challenger: float, labels: int = 400) -> pa.Table:
    """A trial on products of two kinds: easy ones are seldom labelled, hard ones always.

    Both arms are as good on hard products, half of all, as is said; on easy ones 4 points better.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for side, skill in ((Arm.CHAMPION, champion), (Arm.CHALLENGER, challenger)):
        number = labelled = 0
        while labelled < labels:
            number += 1
            hard = rng.random() < 0.5
            chance = 1.0 if hard else 0.5
            right = rng.random() < skill + (0 if hard else 0.04)
            if rng.random() < chance:
                labelled += 1
                rows.append(outcome(f"{side}{number}", right=bool(right), arm=side, chance=chance))
    return table(rows)


def decisions(*, champion: float, challenger: float) -> list[type]:
    """What the judge says of many seeded trials."""
    trials = [trial(seed, champion=champion, challenger=challenger) for seed in SEEDS]
    figures = [
        [arm_figures(rows, side) for side in (Arm.CHAMPION, Arm.CHALLENGER)] for rows in trials
    ]
    return [type(judge_observed(*arms, POLICY, days=1)) for arms in figures]


def test_a_planted_regression_is_rolled_back_in_every_seed() -> None:
    assert decisions(champion=0.85, challenger=0.65) == [Stop] * len(SEEDS)


def test_a_better_challenger_is_promoted_in_every_seed() -> None:
    assert decisions(champion=0.70, challenger=0.90) == [Promote] * len(SEEDS)


def test_both_fallen_by_twenty_points_are_no_reason_to_roll_back_a_better_one() -> None:
    assert decisions(champion=0.55, challenger=0.70) == [Promote] * len(SEEDS)
