"""Trials that end by themselves, whatever dies on the way."""

from typing import Any

import pytest

from ml.domain.errors import Conflict, ServiceUnavailable
from ml.domain.predictions import Arm
from ml.tasks import judge_rollout as task
from ml.tasks.judge_rollout import judge_rollout
from ml.tasks.rollout import roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import actions, answer, at, begin_trial, release_version

WRITES = {"ledger": ("append",), "registry": ("set_alias", "drop_alias")}
SETTINGS = Settings(judge_min_labels=50)


def judged(services: FakeServices, hours: float = 20) -> dict[str, Any]:
    return judge_rollout(as_of=at(hours).isoformat(), services=services)


def on_trial(*, champion: int = 90, challenger: int = 90) -> FakeServices:
    """A trial in which each arm was right about so many of 100 labelled products."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    answer(services, Arm.CHAMPION, right=champion, wrong=100 - champion)
    answer(services, Arm.CHALLENGER, right=challenger, wrong=100 - challenger)
    return services


def test_a_bad_challenger_is_rolled_back() -> None:
    services = on_trial(challenger=60)
    decided = judged(services)
    assert decided["decision"] == "rollback"
    assert decided["numbers"]["challenger_labels"] == 100
    assert decided["numbers"]["accuracy_drop"] == pytest.approx(0.3)
    rollout = services.ledger.rollout()
    assert rollout.champion is not None
    assert (rollout.champion.model_version, rollout.challenger) == (1, None)
    change = services.ledger.history()[-1].change
    assert (change.actor, change.at, change.reason) == ("judge_rollout", at(20), decided["reason"])
    assert services.registry.aliases() == {"champion": 1}


def test_a_good_challenger_is_promoted() -> None:
    services = on_trial(challenger=95)
    assert judged(services)["decision"] == "promote"
    assert services.registry.aliases() == {"champion": 2}
    assert services.ledger.rollout().challenger is None


def test_both_fallen_far_is_drift_and_no_reason_to_roll_back() -> None:
    assert judged(on_trial(champion=40, challenger=45))["decision"] == "promote"


def test_a_trial_with_few_labels_goes_on_and_says_so_once_for_the_same_labels() -> None:
    services = FakeServices(SETTINGS)
    begin_trial(services)
    answer(services, Arm.CHAMPION, right=100, wrong=0)
    assert judged(services)["decision"] == "continue"
    assert judged(services, 21)["decision"] == "continue"
    assert actions(services) == ["promote", "challenge", "continue"]
    answer(services, Arm.CHALLENGER, right=10, wrong=0)
    assert judged(services, 22)["decision"] == "continue"
    assert actions(services) == ["promote", "challenge", "continue", "continue"]
    assert services.ledger.rollout().challenger is not None


def test_a_trial_without_labels_is_withdrawn_and_makes_room() -> None:
    """Such as that of a version that no worker can load."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    days = 24 * SETTINGS.judge_max_days
    assert judged(services, 20)["decision"] == "continue"
    assert judged(services, 20 + days - 1)["decision"] == "continue"
    decided = judged(services, 20 + days)
    assert decided["decision"] == "rollback"
    assert decided["numbers"]["challenger_labels"] == 0
    assert "30 days did not bring them" in decided["reason"]
    assert judged(services, 20 + days) == decided
    assert services.ledger.rollout().challenger is None
    assert services.registry.aliases() == {"champion": 1}


def test_the_days_of_a_trial_count_from_the_first_look_at_it() -> None:
    """A release that was held up speaks of a time long past: nobody could label anything since."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    late = 24 * 3 * SETTINGS.judge_max_days
    assert judged(services, late)["decision"] == "continue"
    assert judged(services, late + 24)["decision"] == "continue"
    assert judged(services, late + 24 * SETTINGS.judge_max_days)["decision"] == "rollback"


def test_labels_of_another_trial_or_after_as_of_do_not_count() -> None:
    services = FakeServices(SETTINGS)
    begin_trial(services)
    for arm in Arm:
        answer(services, arm, right=0, wrong=100, experiment="trial-of-before")
        answer(services, arm, right=90, wrong=10, hours=30)
    assert judged(services, 20)["decision"] == "continue"
    assert judged(services, 30)["decision"] == "promote"


def test_without_a_trial_nothing_is_decided_and_the_aliases_are_mended() -> None:
    services = FakeServices(SETTINGS)
    release_version(services, 1, against=None)
    services.registry.set_alias("challenger", 1)
    assert judged(services) == {"decision": None, "reason": "no version is on trial", "numbers": {}}
    assert services.registry.aliases() == {"champion": 1}
    assert actions(services) == ["promote"]


@pytest.mark.parametrize(
    ("challenger", "decision", "aliases"),
    [(60, "rollback", {"champion": 1}), (95, "promote", {"champion": 2})],
)
def test_killed_at_any_write_the_next_attempt_tells_and_ends_the_same(
    challenger: int, decision: str, aliases: dict[str, int]
) -> None:
    whole = judged(on_trial(challenger=challenger))
    for moment, services in killed_everywhere(
        lambda: on_trial(challenger=challenger), judged, WRITES
    ):
        assert judged(services) == whole, moment
        assert actions(services) == ["promote", "challenge", decision], moment
        assert services.registry.aliases() == aliases, moment


def test_a_rollback_with_the_registry_away_has_switched_the_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ServiceUnavailable("MLflow does not answer")

    services = on_trial(challenger=60)
    with monkeypatch.context() as patch:
        for method in ("get", "aliases", "set_alias", "drop_alias", "tag"):
            patch.setattr(services.registry, method, away)
        with pytest.raises(ServiceUnavailable):
            judged(services)
    assert services.ledger.rollout().challenger is None
    assert judged(services)["decision"] == "rollback"
    assert services.registry.aliases() == {"champion": 1}
    assert actions(services) == ["promote", "challenge", "rollback"]


def test_a_judge_that_was_overtaken_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person withdraws the challenger while the judge still looks at the labels."""
    services = on_trial(challenger=60)
    judge = task.judge

    def overtaken(*figures: Any, **more: Any) -> Any:
        terms: dict[str, Any] = {"reason": "mine", "actor": "anna", "at": at(19), "key": "by hand"}
        roll_back(services, **terms)
        return judge(*figures, **more)

    monkeypatch.setattr(task, "judge", overtaken)
    with pytest.raises(Conflict):
        judged(services)
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    assert actions(services) == ["promote", "challenge", "rollback"]
