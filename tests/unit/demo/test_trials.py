"""How fast a version that was rolled back is gone."""

from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.traffic import Answered
from ml.demo.trials import unserved
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.predictions import Arm
from ml.simulation.items import SimulatedProduct

DECIDED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ROLLBACK = LedgerEntry(
    entry_id=7,
    change=LedgerChange(
        key="judge",
        action=LedgerAction.ROLLBACK,
        model_version=3,
        bundle_digest="d" * 64,
        label_space_version=1,
        reason="accuracy 0.05",
        actor="judge_rollout",
        at=datetime(2026, 3, 1, tzinfo=UTC),
        evidence={"challenger_labels": 64, "champion_labels": 101},
    ),
    recorded_at=DECIDED,
)


def answer(version: int, seconds: float) -> Answered:
    """One that was heard so long after the decision."""
    product = SimulatedProduct("p1", "shoe", "", None, "shoes", DECIDED)
    heard_at = DECIDED + timedelta(seconds=seconds)
    return Answered(product, "id", "shoes", 0.9, version, Arm.CHALLENGER, False, heard_at)


def test_the_last_answer_of_the_version_counts() -> None:
    answers = [answer(3, -5), answer(3, 0.2), answer(3, 0.4), answer(2, 0.9), answer(2, 2.0)]
    gone = unserved(ROLLBACK, answers)
    assert gone.seconds == pytest.approx(0.4)
    assert (gone.labels, gone.champion_labels, gone.watched) == (64, 101, 4)


def test_a_version_without_an_answer_after_the_decision_was_gone_at_once() -> None:
    gone = unserved(ROLLBACK, [answer(3, -0.1), answer(2, 0.1)])
    assert (gone.seconds, gone.watched) == (0.0, 1)
