"""Labels each rule would have needed: fewest by disagreements, and honest where none suffices."""

import pytest

from ml.demo.labels_needed import labels_needed
from ml.demo.rules import RANDOM, REGAIN, RULES, STOPPING, UNPAIRED
from ml.rollout.judge import JudgePolicy

POLICY = JudgePolicy(
    false_stop_rate=0.025,
    false_promotion_rate=0.05,
    margin=0.01,
    label_error=0.15,
    max_accuracy_drop=0.02,
    max_days=30,
)


def test_disagreements_need_the_fewest_labels() -> None:
    needed = labels_needed(disagreement=0.1, wins=30, ties=20, losses=50, policy=POLICY, months=100)
    assert list(needed) == list(RULES)
    assert needed[REGAIN].labels is not None
    assert needed[REGAIN].labels <= 250
    for rival in (UNPAIRED, RANDOM):
        assert (needed[rival].labels or needed[rival].at_most) > 5 * needed[REGAIN].labels
    assert needed[REGAIN].false_stops <= 0.05


def test_an_equal_challenger_is_not_stopped_by_any_number_of_labels() -> None:
    needed = labels_needed(disagreement=0.2, wins=9, ties=2, losses=9, policy=POLICY, months=50)
    assert needed[REGAIN].labels is None


def test_nothing_is_told_without_labels() -> None:
    with pytest.raises(ValueError, match="no labelled disagreement"):
        labels_needed(disagreement=0.1, wins=0, ties=0, losses=0, policy=POLICY)


def test_rules_that_only_stop_never_promote() -> None:
    needed = labels_needed(
        disagreement=0.2, wins=60, ties=20, losses=20, policy=POLICY, promoting=True, months=50
    )
    assert {name for name in RULES if needed[name].labels is None} == set(STOPPING)
    assert needed[REGAIN].labels is not None
    assert needed[REGAIN].labels <= 100
