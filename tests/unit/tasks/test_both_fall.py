"""Both models of a comparison fall together: that is drift, so people retrain and nobody goes."""

from ml.domain.drift import Action
from ml.domain.predictions import Arm
from ml.tasks.check_drift import check_drift
from ml.tasks.judge_rollout import judge_rollout
from ml.tasks.retrain_on_drift import claim
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.comparisons import Found, compare
from tests.unit.tasks.rollouts import actions, answer, at, begin_trial

SETTINGS = Settings(
    disagreement_capacity_per_day=1e9,
    judge_margin=0.1,
    drift_reference_products=200,
    drift_window_products=200,
    drift_min_products=100,
)
BETTER = Found(wins=40, ties=10, losses=10, agreed=60)
BOTH_WRONG = Found(wins=4, ties=200, losses=4, agreed=60)


def judged(services: FakeServices, hours: float) -> str | None:
    decision: str | None = judge_rollout(as_of=at(hours).isoformat(), services=services)["decision"]
    return decision


def alerted(services: FakeServices, hours: float) -> bool:
    return check_drift(as_of=at(hours).isoformat(), services=services)["retrain"]


def fallen(services: FakeServices, arm: Arm) -> None:
    """The champion's answers were right, and are wrong in half of all products since hour 30."""
    answer(services, arm, right=200, wrong=0, experiment="at first", hours=25)
    answer(services, arm, right=100, wrong=100, experiment="since", hours=30)


def test_in_a_watch_it_raises_an_alert_to_retrain_and_rolls_nothing_back() -> None:
    services = FakeServices(SETTINGS)
    begin_trial(services)
    compare(services, BETTER)
    assert judged(services, 20) == "promote"
    fallen(services, Arm.CHALLENGER)  # whose version, 2, is champion now
    compare(services, BOTH_WRONG, hours=30)
    assert judged(services, 40) == "continue"
    assert alerted(services, 41)
    assert actions(services) == ["promote", "challenge", "promote", "continue"]
    (record,) = services.alerts.history()
    assert (record.alert.action, record.alert.model_version) == (Action.RETRAIN, 2)
    assert "reviewers agree with 50.0%" in record.alert.reason
    assert claim(run="a run", services=services) == at(41).isoformat()


def test_in_a_trial_the_alert_waits_until_the_remedy_that_is_tried_has_failed() -> None:
    services = FakeServices(SETTINGS)
    begin_trial(services)
    fallen(services, Arm.CHAMPION)
    compare(services, Found(wins=4, ties=12, losses=4), hours=30)
    assert judged(services, 40) == "continue"
    assert not alerted(services, 41)
    over = 40 + 24 * SETTINGS.judge_max_days
    assert judged(services, over) == "rollback"
    assert services.ledger.history()[-1].change.evidence["verdict"] == "expired"
    assert alerted(services, over + 1)
