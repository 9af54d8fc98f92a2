"""An engineer's word on a promotion: carried out once, and only while the trial is on."""

from typing import Any

import pytest

from ml.domain.errors import Conflict, InvalidInput
from ml.tasks import approve_promotion as task
from ml.tasks.approve_promotion import promote_approved, question, withdraw_refused
from ml.tasks.judge_rollout import judge_rollout
from ml.tasks.rollout import promote, roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.comparisons import Found, compare
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import actions, at, begin_trial

SETTINGS = Settings(disagreement_capacity_per_day=1e9, judge_margin=0.1, promotion_approval=True)
WRITES = {"ledger": ("append",), "registry": ("set_alias", "drop_alias")}
ASKED = {"experiment": "trial-2", "as_of": at(30).isoformat()}


def asked() -> FakeServices:
    """A trial that the judge found good, so that an engineer was asked."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    compare(services, Found(wins=40, ties=10, losses=10, agreed=60))
    assert judge_rollout(as_of=at(20).isoformat(), services=services)["asks"]
    return services


def test_the_question_is_open_until_it_is_answered() -> None:
    services = asked()
    found = question(services=services)
    assert found is not None
    assert (found["experiment"], found["version"]) == ("trial-2", 2)
    assert "40 won, 10 lost" in found["reason"]
    promote_approved(**ASKED, services=services)
    assert question(services=services) is None


def test_nobody_is_asked_about_a_trial_that_was_not_found_good() -> None:
    services = FakeServices(SETTINGS)
    assert question(services=services) is None
    begin_trial(services)
    assert question(services=services) is None
    judge_rollout(as_of=at(20).isoformat(), services=services)
    assert question(services=services) is None


def test_what_is_approved_takes_over_with_what_the_judge_found() -> None:
    services = asked()
    assert promote_approved(**ASKED, services=services) == 2
    change = services.ledger.history()[-1].change
    assert (change.action, change.actor, change.evidence["wins"]) == ("promote", "approval", 40)
    assert services.registry.aliases() == {"champion": 2}
    comparison = services.ledger.rollout().comparison
    assert comparison is not None
    assert comparison.kind == "watch"


def test_what_is_refused_leaves_the_traffic() -> None:
    services = asked()
    assert withdraw_refused(**ASKED, services=services) == 2
    assert services.ledger.rollout().challenger is None
    assert services.registry.aliases() == {"champion": 1}


@pytest.mark.parametrize("answer", [promote_approved, withdraw_refused])
def test_an_answer_is_carried_out_once_whatever_dies(answer: Any) -> None:
    def act(services: FakeServices) -> int:
        return answer(**ASKED, services=services)

    whole = asked()
    assert act(whole) == act(whole) == 2
    for moment, services in killed_everywhere(asked, act, WRITES):
        assert act(services) == 2, moment
        assert actions(services) == actions(whole), moment
        assert services.registry.aliases() == whole.registry.aliases(), moment


@pytest.mark.parametrize("answer", [promote_approved, withdraw_refused])
def test_an_answer_that_comes_too_late_is_told_so(answer: Any) -> None:
    services = asked()
    roll_back(services, reason="complaints", actor="eva", at=at(25), key="by hand")
    with pytest.raises(InvalidInput, match="trial-2 is over"):
        answer(**ASKED, services=services)
    assert actions(services)[-1] == "rollback"
    assert services.registry.aliases() == {"champion": 1}


@pytest.mark.parametrize("answer", [promote_approved, withdraw_refused])
def test_an_answer_that_is_overtaken_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """A colleague promotes it by hand while the answer is carried out: it stays champion."""
    services = asked()
    looked_up = task._trial

    def overtaken(*given: Any) -> Any:
        trial = looked_up(*given)
        promote(services, 2, reason="enough", actor="eva", at=at(29), key="by hand")
        return trial

    monkeypatch.setattr(task, "_trial", overtaken)
    with pytest.raises(Conflict):
        answer(**ASKED, services=services)
    assert services.ledger.history()[-1].change.key == "by hand"
    assert services.registry.aliases() == {"champion": 2}
