"""Comparisons that end by themselves, whatever dies on the way."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ml.domain.errors import Conflict, NotFound, ServiceUnavailable
from ml.domain.predictions import Arm
from ml.tasks import judge_rollout as task
from ml.tasks.judge_rollout import judge_rollout
from ml.tasks.rollout import challenge, roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.comparisons import Found, compare, label
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import (
    actions,
    answer,
    at,
    begin_trial,
    register_version,
    release_version,
)

WRITES = {
    "shadows": ("close",),
    "ledger": ("append",),
    "registry": ("set_alias", "drop_alias"),
}
# All disagreements are labelled, so that a few products tell what takes thousands otherwise.
SETTINGS = Settings(disagreement_capacity_per_day=1e9, judge_margin=0.1)
WORSE = Found(wins=10, ties=10, losses=40, agreed=60)
BETTER = Found(wins=40, ties=10, losses=10, agreed=60)
EQUAL = Found(wins=15, ties=20, losses=15, agreed=60)


def judged(services: FakeServices, hours: float = 20) -> dict[str, Any]:
    return judge_rollout(as_of=at(hours).isoformat(), services=services)


def on_trial(found: Found, settings: Settings = SETTINGS) -> FakeServices:
    services = FakeServices(settings)
    begin_trial(services)
    compare(services, found)
    return services


def under_watch(found: Found) -> FakeServices:
    """Version 2 was promoted at hour 20, and its watch found this."""
    services = on_trial(BETTER)
    assert judged(services)["decision"] == "promote"
    compare(services, found, hours=30)
    return services


def watched_for_long(found: Found) -> FakeServices:
    """The watch was judged at hour 40 for the first time."""
    services = under_watch(found)
    assert judged(services, 40)["decision"] == "continue"
    return services


def champion_of(services: FakeServices) -> int:
    champion = services.ledger.champion()
    assert champion is not None
    return champion.model_version


def test_a_bad_challenger_is_rolled_back() -> None:
    services = on_trial(WORSE)
    decided = judged(services)
    assert (decided["decision"], decided["verdict"]) == ("rollback", "rollback")
    assert decided["numbers"]["losses"] == 40
    assert decided["numbers"]["difference"] == pytest.approx(-0.25)
    assert decided["numbers"]["difference_high"] < 0
    rollout = services.ledger.rollout()
    assert (champion_of(services), rollout.challenger) == (1, None)
    change = services.ledger.history()[-1].change
    assert (change.actor, change.at, change.reason) == ("judge_rollout", at(20), decided["reason"])
    assert services.registry.aliases() == {"champion": 1}


def test_one_that_is_worse_within_the_limit_is_rejected() -> None:
    """Among so many products that agree, the difference is a small one."""
    services = on_trial(Found(wins=2, losses=28, agreed=2500))
    decided = judged(services)
    assert (decided["decision"], decided["verdict"]) == ("rollback", "rejected")
    assert -0.02 < decided["numbers"]["difference"] < 0
    assert services.ledger.rollout().challenger is None


def test_a_good_challenger_is_promoted_and_watched() -> None:
    services = on_trial(BETTER)
    assert judged(services)["decision"] == "promote"
    assert services.registry.aliases() == {"champion": 2}
    comparison = services.ledger.rollout().comparison
    assert comparison is not None
    assert (comparison.kind, comparison.candidate.model_version) == ("watch", 2)
    assert comparison.baseline.model_version == 1
    assert comparison.shadow_share == SETTINGS.watch_share


def test_without_days_of_watch_there_is_none() -> None:
    services = on_trial(BETTER, SETTINGS.model_copy(update={"watch_days": 0}))
    assert judged(services)["decision"] == "promote"
    assert services.ledger.rollout().comparison is None


def test_a_champion_that_turns_out_worse_is_rolled_back_to_the_former_one() -> None:
    services = under_watch(WORSE)
    assert judged(services, 40)["verdict"] == "rollback"
    assert champion_of(services) == 1
    assert services.ledger.rollout().comparison is None
    assert services.registry.aliases() == {"champion": 1}


@pytest.mark.parametrize("found", [EQUAL, BETTER], ids=["equal", "better"])
def test_a_watch_never_promotes_and_ends_in_a_confirmation(found: Found) -> None:
    services = under_watch(found)
    assert judged(services, 40)["decision"] == "continue"
    assert judged(services, 40 + 24 * SETTINGS.watch_days)["decision"] == "confirm"
    assert champion_of(services) == 2
    assert services.ledger.rollout().comparison is None
    assert judged(services, 99 + 24 * SETTINGS.watch_days)["decision"] is None


def test_both_fallen_far_is_drift_and_no_reason_to_roll_back() -> None:
    """People find both wrong nearly always: neither loses to the other."""
    both_wrong = Found(wins=4, ties=200, losses=4, agreed=60)
    assert judged(on_trial(both_wrong))["decision"] != "rollback"
    services = under_watch(both_wrong)
    assert judged(services, 40)["decision"] == "continue"


def test_a_watch_goes_on_after_a_trial_for_as_long_as_it_was_to_last() -> None:
    """While a challenger is on trial nobody compares the champion with the one before it."""
    services = under_watch(EQUAL)
    assert judged(services, 40)["decision"] == "continue"
    register_version(services, 3)
    terms: dict[str, Any] = {"reason": "mine", "actor": "anna"}
    trial = challenge(services, 3, at=at(50), key="try", **terms)
    over = 50 + 24 * SETTINGS.watch_days
    assert judged(services, 60)["experiment"] == f"trial-{trial.entry_id}"
    roll_back(services, at=at(over), key="enough", **terms)
    assert judged(services, over)["experiment"] == "watch-3"
    assert judged(services, over + 24 * SETTINGS.watch_days - 11)["decision"] == "continue"
    assert judged(services, over + 24 * SETTINGS.watch_days - 10)["decision"] == "confirm"


def test_few_labels_go_on_and_say_so_once_for_the_same_labels() -> None:
    services = on_trial(Found(wins=4, ties=3, losses=4, agreed=9))
    assert judged(services)["decision"] == "continue"
    assert judged(services, 21)["decision"] == "continue"
    assert actions(services) == ["promote", "challenge", "continue"]
    compare(services, Found(wins=4, ties=3, losses=4, agreed=9), hours=12)
    assert judged(services, 22)["numbers"]["labels"] == 20
    assert actions(services) == ["promote", "challenge", "continue", "continue"]


def test_a_trial_that_shows_nothing_expires_and_makes_room() -> None:
    """Such as that of a version that no worker can load."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    days = 24 * SETTINGS.judge_max_days
    assert judged(services, 20)["decision"] == "continue"
    assert judged(services, 20 + days - 1)["decision"] == "continue"
    decided = judged(services, 20 + days)
    assert (decided["decision"], decided["verdict"]) == ("rollback", "expired")
    assert decided["numbers"]["labels"] == 0
    assert "the champion stays" in decided["reason"]
    assert judged(services, 20 + days) == decided
    assert services.ledger.rollout().challenger is None


def test_the_days_of_a_trial_count_from_the_first_look_at_it() -> None:
    """A release that was held up speaks of a time long past: nobody could label anything since."""
    services = FakeServices(SETTINGS)
    begin_trial(services)
    late = 24 * 3 * SETTINGS.judge_max_days
    assert judged(services, late)["decision"] == "continue"
    assert judged(services, late + 24)["decision"] == "continue"
    assert judged(services, late + 24 * SETTINGS.judge_max_days)["verdict"] == "expired"


def test_labels_after_as_of_do_not_count() -> None:
    services = on_trial(Found())
    compare(services, BETTER, hours=30)
    assert judged(services, 20)["decision"] == "continue"
    assert judged(services, 32)["decision"] == "promote"


def test_labels_after_the_decision_change_nothing() -> None:
    services = on_trial(WORSE)
    decided = judged(services)
    for row in services.shadows.drawn("trial-2", after=0, as_of=at(20)).to_pylist():
        label(services, row["prediction_id"], "books", reviewer="eva", hours=21)
    assert judged(services, 20) == decided
    assert judged(services, 22)["decision"] is None
    assert actions(services) == ["promote", "challenge", "rollback"]


def test_a_label_that_comes_after_its_cohort_was_closed_changes_no_evidence() -> None:
    services = on_trial(EQUAL)
    numbers = judged(services, 15)["numbers"]
    for row in services.shadows.drawn("trial-2", after=0, as_of=at(20)).to_pylist():
        label(services, row["prediction_id"], row["baseline_category"], reviewer="eva", hours=16)
    assert judged(services, 17)["numbers"] == numbers


def test_a_clock_that_jumps_ahead_and_back_loses_and_doubles_nothing() -> None:
    services = on_trial(Found(wins=10, ties=5, losses=10, waiting=5, agreed=60))
    ahead = 20 + 24 * (SETTINGS.cohort_wait_days + 1)
    early = judged(services, ahead)["numbers"]
    assert early["drawn"] == 30
    assert early["labels"] == 25
    assert judged(services, 20)["numbers"] == early


def test_a_broken_guardrail_stops_it_without_a_single_label() -> None:
    """It can't answer what the champion answers; people were asked, but nobody had time."""
    services = on_trial(Found())
    compare(services, Found(waiting=60, agreed=60), silent=True)
    decided = judged(services)
    assert (decided["decision"], decided["verdict"]) == ("rollback", "guardrail")
    assert "it can't answer 50.0% more of the products" in decided["reason"]
    assert decided["numbers"]["labels"] == 0


def test_the_observed_rule_is_there_for_those_who_are_bound_to_it() -> None:
    settings = SETTINGS.model_copy(update={"judge_policy": "observed_drop", "judge_min_labels": 50})
    services = FakeServices(settings)
    begin_trial(services)
    answer(services, Arm.CHAMPION, right=90, wrong=10)
    answer(services, Arm.CHALLENGER, right=80, wrong=20)
    decided = judged(services)
    assert (decided["decision"], decided["verdict"]) == ("rollback", "rollback")
    assert decided["numbers"]["accuracy_drop"] == pytest.approx(0.1)


def test_with_approval_a_promotion_waits_and_a_rollback_does_not() -> None:
    settings = SETTINGS.model_copy(update={"promotion_approval": True})
    services = on_trial(BETTER, settings)
    decided = judged(services)
    assert (decided["decision"], decided["verdict"]) == ("continue", "promotable")
    assert decided["asks"]
    assert decided["experiment"] == "trial-2"
    assert judged(services, 21)["asks"], "an engineer who was not reached is asked again"
    assert champion_of(services) == 1
    assert judged(on_trial(WORSE, settings))["verdict"] == "rollback"


def test_the_observed_rule_waits_for_approval_too() -> None:
    observed = {"judge_policy": "observed_drop", "judge_min_labels": 50, "promotion_approval": True}
    services = FakeServices(SETTINGS.model_copy(update=observed))
    begin_trial(services)
    answer(services, Arm.CHAMPION, right=80, wrong=20)
    answer(services, Arm.CHALLENGER, right=90, wrong=10)
    assert judged(services)["asks"]
    assert champion_of(services) == 1


def test_a_promotion_that_nobody_approves_expires() -> None:
    settings = SETTINGS.model_copy(update={"promotion_approval": True})
    services = on_trial(BETTER, settings)
    judged(services)
    decided = judged(services, 20 + 24 * settings.judge_max_days)
    assert decided["verdict"] == "expired"
    assert "brought no approval" in decided["reason"]
    assert champion_of(services) == 1


def test_without_a_comparison_nothing_is_decided_and_the_aliases_are_mended() -> None:
    services = FakeServices(SETTINGS)
    release_version(services, 1, against=None)
    services.registry.drop_alias("champion")
    decided = judged(services)
    assert (decided["decision"], decided["asks"]) == (None, False)
    assert services.registry.aliases() == {"champion": 1}
    assert actions(services) == ["promote"]


@pytest.mark.parametrize(
    ("found", "decision", "aliases"),
    [(WORSE, "rollback", {"champion": 1}), (BETTER, "promote", {"champion": 2})],
    ids=["worse", "better"],
)
def test_killed_at_any_write_the_next_attempt_tells_and_ends_the_same(
    found: Found, decision: str, aliases: dict[str, int]
) -> None:
    whole = judged(on_trial(found))
    for moment, services in killed_everywhere(lambda: on_trial(found), judged, WRITES):
        assert judged(services) == whole, moment
        assert actions(services) == ["promote", "challenge", decision], moment
        assert services.registry.aliases() == aliases, moment


@pytest.mark.parametrize(
    ("compared", "hours", "decision"),
    [
        (lambda: on_trial(WORSE), 20, "rollback"),
        (lambda: on_trial(BETTER), 20, "promote"),
        (lambda: under_watch(WORSE), 40, "rollback"),
        (lambda: watched_for_long(EQUAL), 40 + 24 * SETTINGS.watch_days, "confirm"),
    ],
    ids=["rollback", "promotion", "rollback in a watch", "confirmation"],
)
def test_two_judges_at_once_decide_once(
    monkeypatch: pytest.MonkeyPatch,
    compared: Callable[[], FakeServices],
    hours: float,
    decision: str,
) -> None:
    """The second one comes when the first has looked at its cohorts, and is faster."""
    services = compared()
    before = actions(services)
    cohorts = task.closed_cohorts

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(task, "closed_cohorts", cohorts)
        judged(services, hours)
        return cohorts(*given)

    monkeypatch.setattr(task, "closed_cohorts", overtaken)
    assert judged(services, hours)["decision"] == decision
    assert actions(services) == [*before, decision]
    numbers = [cohort.number for cohort in services.shadows.cohorts("trial-2")]
    assert numbers == list(range(1, 7))


def test_a_rollback_with_the_registry_away_has_switched_the_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So it is for a challenger that somebody deleted from the registry."""
    services = on_trial(WORSE)
    for error in (ServiceUnavailable("MLflow does not answer"), NotFound("it was deleted")):

        def away(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            for method in ("get", "aliases", "set_alias", "drop_alias", "tag"):
                patch.setattr(services.registry, method, away)
            with pytest.raises(type(error)):
                judged(services)
        assert services.ledger.rollout().challenger is None
    assert judged(services)["decision"] == "rollback"
    assert services.registry.aliases() == {"champion": 1}
    assert actions(services) == ["promote", "challenge", "rollback"]


def test_a_challenger_that_was_deleted_from_the_registry_is_judged_and_serves() -> None:
    """The ledger knows its bundle, and the object store has it; nothing is there to point at."""
    services = on_trial(BETTER)
    services.registry.delete(2)
    assert judged(services)["decision"] == "promote"
    assert champion_of(services) == 2
    assert judged(services, 20)["decision"] == "promote"
    assert actions(services) == ["promote", "challenge", "promote"]


def test_a_judge_that_was_overtaken_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person withdraws the challenger while the judge still looks at the labels."""
    services = on_trial(WORSE)
    judge = task.judge

    def overtaken(*figures: Any, **more: Any) -> Any:
        terms: dict[str, Any] = {"reason": "mine", "actor": "anna", "at": at(19), "key": "by hand"}
        roll_back(services, **terms)
        return judge(*figures, **more)

    monkeypatch.setattr(task, "judge", overtaken)
    with pytest.raises(Conflict):
        judged(services)
    assert champion_of(services) == 1
    assert actions(services) == ["promote", "challenge", "rollback"]


def test_the_evidence_of_a_decision_is_made_of_recorded_cohorts() -> None:
    services = on_trial(WORSE)
    judged(services)
    cohorts = services.shadows.cohorts("trial-2")
    assert sum(len(cohort.label_ids) for cohort in cohorts) == 60
    assert {type(cohort.closed_at) for cohort in cohorts} == {datetime}
