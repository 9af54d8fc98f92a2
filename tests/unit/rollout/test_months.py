"""The judge over many months: it decides each as the judge of one does."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ml.domain.comparisons import Cohort, Stratum
from ml.domain.rollouts import ComparisonKind
from ml.rollout.decisions import Continue, Decision, Promote, Stop
from ml.rollout.judge import JudgePolicy, judge
from ml.rollout.months import Judged, judge_months
from ml.simulation.months import LATE, Conditions, Design, Hardness, Months, simulate_months

POLICY = JudgePolicy(
    false_stop_rate=0.025,
    false_promotion_rate=0.05,
    margin=0.01,
    label_error=0.15,
    max_accuracy_drop=0.02,
    max_days=30,
)
SILENT = (
    Hardness(0.9, both_wrong=0.0, edge=0.0, answered=0.15, delay_days=3.0),
    Hardness(0.1, both_wrong=0.0, edge=0.0, answered=0.02, delay_days=3.0),
)  # strata without a label for a long time, and cohorts without one


def _simulated(difference: float, hardness: tuple[Hardness, ...], months: int) -> Months:
    conditions = Conditions(
        disagreement=0.1, difference=difference, both_wrong=0.2, hardness=hardness
    )
    return simulate_months(np.random.default_rng(3), months, conditions, Design())


def _judged_alone(months: Months, month: int, look: int, kind: ComparisonKind) -> Decision:
    cohorts = [
        Cohort(
            experiment="simulated",
            number=at + 1,
            last_position=at + 1,
            closed_at=datetime(2026, 1, 1, tzinfo=UTC),
            products=int(months.products[month, at]),
            disagreements=int(months.disagreements[month, at]),
            strata=tuple(
                Stratum(*map(int, counts))
                for counts in zip(
                    months.drawn[month, at],
                    months.wins[month, at],
                    months.ties[month, at],
                    months.losses[month, at],
                    strict=True,
                )
            ),
        )
        for at in range(look + 1)
    ]
    return judge(cohorts, [], POLICY, kind=kind, label_probability=0.01, days=1)


def _expected(judged: Judged, month: int) -> type[Decision]:
    return Stop if judged.stopped[month] else Promote if judged.promoted[month] else Continue


@pytest.mark.parametrize("hardness", [(), LATE, SILENT], ids=["at once", "late", "silent"])
@pytest.mark.parametrize("difference", [-0.02, 0.0, 0.02])
def test_decides_when_and_what_the_judge_decides(
    difference: float, hardness: tuple[Hardness, ...]
) -> None:
    months = _simulated(difference, hardness, 4)
    judged = judge_months(months, POLICY, probability=0.01)
    for month, look in enumerate(judged.look):
        decision = _judged_alone(months, month, look, ComparisonKind.TRIAL)
        assert type(decision) is _expected(judged, month)
        assert decision.numbers["labels"] == judged.labels[month]
        assert decision.numbers["difference"] == pytest.approx(judged.difference[month])
        if look and not isinstance(decision, Continue):
            before = _judged_alone(months, month, look - 1, ComparisonKind.TRIAL)
            assert isinstance(before, Continue)


def test_a_watch_promotes_nothing() -> None:
    months = _simulated(0.02, (), 50)
    judged = judge_months(months, POLICY, probability=0.01, watch=True)
    assert not judged.promoted.any()
    assert judge_months(months, POLICY, probability=0.01).promoted.all()


def test_cohorts_that_close_too_late_decide_nothing() -> None:
    months = _simulated(-0.02, LATE, 20)
    judged = judge_months(months, POLICY, probability=0.01)
    assert judged.stopped.all()
    assert (judged.days <= POLICY.max_days).all()
    short = JudgePolicy(**(vars(POLICY) | {"max_days": 1.0}))
    assert not judge_months(months, short, probability=0.01).stopped.any()
