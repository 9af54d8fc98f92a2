"""How fast a version that was rolled back is gone."""

from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.traffic import Answered
from ml.demo.trials import unserved
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger
from ml.rollout.traffic import choose_arm
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
    ),
    recorded_at=DECIDED,
)


TRIAL = Challenger(6, 3, "d" * 64, 1, DECIDED, share=0.5)
IN_SLICE, OUTSIDE = (
    next(f"p{i}" for i in range(100) if choose_arm(f"p{i}", TRIAL) is arm)
    for arm in (Arm.CHALLENGER, Arm.CHAMPION)
)


def answer(version: int, seconds: float, product_id: str = IN_SLICE) -> Answered:
    """One that was heard so long after the decision."""
    product = SimulatedProduct(product_id, "shoe", "", None, "shoes", DECIDED)
    heard_at = DECIDED + timedelta(seconds=seconds)
    return Answered(product, "id", "shoes", 0.9, version, Arm.CHALLENGER, False, heard_at)


def test_it_is_gone_when_its_slice_is_answered_by_another_for_good() -> None:
    answers = [
        *(answer(3, -5), answer(3, 0.2), answer(2, 0.3), answer(3, 0.4), answer(2, 0.9)),
        *(answer(2, 0.5, OUTSIDE), answer(2, 2.0)),
    ]
    gone = unserved(TRIAL, ROLLBACK, answers)
    assert gone.seconds == pytest.approx(0.9)
    assert gone.answers == 2


def test_a_version_without_an_answer_after_the_decision_is_gone_with_the_next_product() -> None:
    gone = unserved(TRIAL, ROLLBACK, [answer(3, -0.1), answer(2, 0.1)])
    assert (gone.seconds, gone.answers) == (pytest.approx(0.1), 0)


def test_without_a_product_of_its_slice_nothing_is_claimed() -> None:
    gone = unserved(TRIAL, ROLLBACK, [answer(3, -0.1), answer(2, 0.1, OUTSIDE)])
    assert gone.seconds is None
