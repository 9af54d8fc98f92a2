"""An engineer's edit of an alias is a request; what a crash leaves behind is none."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ml.domain.errors import Conflict, ServiceUnavailable
from ml.domain.predictions import Arm
from ml.domain.rollouts import Rollout
from ml.tasks.follow_registry import _serving, follow_registry, is_news
from ml.tasks.registry_aliases import show_in_registry
from ml.tasks.rollout import challenge, promote, roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import actions, at, begin_trial, register_version, release_version

WRITES = {"ledger": ("append",), "registry": ("set_note", "set_alias", "drop_alias")}
TERMS: dict[str, Any] = {"reason": "because", "actor": "anna", "at": at(30)}
Edit = Callable[[FakeServices], object]


def on_trial() -> FakeServices:
    """Version 1 serves, version 2 is on trial, 3 was refused by the gate, 4 is known to MLflow."""
    services = FakeServices(Settings())
    begin_trial(services)
    assert release_version(services, 3, against=1, admitted=False) == "refuse"
    register_version(services, 4)
    return services


def served_once() -> FakeServices:
    """The same after version 2 was promoted: version 1 is the former champion."""
    services = on_trial()
    promote(services, 2, key="promotion", **TERMS)
    return services


def follow(services: FakeServices) -> list[dict[str, Any]]:
    return list(follow_registry(as_of=at(40).isoformat(), services=services)["requests"])


def move(alias: str, version: int) -> Edit:
    return lambda services: services.registry.set_alias(alias, version)


def remove(alias: str) -> Edit:
    return lambda services: services.registry.drop_alias(alias)


def delete(version: int) -> Edit:
    return lambda services: services.registry.delete(version)


def serving(services: FakeServices) -> tuple[int | None, int | None]:
    """Who serves and who is on trial by the ledger; the aliases show just that."""
    rollout = services.ledger.rollout()
    served = {
        alias: each.model_version
        for alias, each in (("champion", rollout.champion), ("challenger", rollout.challenger))
        if each
    }
    assert services.registry.aliases() == served
    return served.get("champion"), served.get("challenger")


REQUESTS = {
    "promote the challenger": (on_trial, move("champion", 2), "promote", (2, None)),
    "promote a refused one": (on_trial, move("champion", 3), "promote", (3, None)),
    "try another": (on_trial, move("challenger", 4), "challenge", (1, 4)),
    "end the trial": (on_trial, remove("challenger"), "rollback", (1, None)),
    "delete the challenger": (on_trial, delete(2), "rollback", (1, None)),
    "back to the former": (served_once, move("champion", 1), "rollback", (1, None)),
    "try one again": (served_once, move("challenger", 1), "challenge", (2, 1)),
}


@pytest.mark.parametrize(("prepare", "edit", "action", "after"), REQUESTS.values(), ids=REQUESTS)
def test_an_edit_takes_effect_once(
    prepare: Callable[[], FakeServices], edit: Edit, action: str, after: tuple[int, int | None]
) -> None:
    services = prepare()
    before = actions(services)
    edit(services)
    (told,) = follow(services)
    assert told["action"] == action
    assert actions(services) == [*before, action]
    assert serving(services) == after
    change = services.ledger.history()[-1].change
    assert (change.actor, change.at, change.reason) == ("mlflow", at(40), told["reason"])
    assert follow(services) == []
    assert actions(services) == [*before, action]


@pytest.mark.parametrize(("prepare", "edit", "action", "after"), REQUESTS.values(), ids=REQUESTS)
def test_killed_at_any_write_an_edit_is_still_one_request(
    prepare: Callable[[], FakeServices], edit: Edit, action: str, after: tuple[int, int | None]
) -> None:
    def edited() -> FakeServices:
        services = prepare()
        edit(services)
        return services

    before = actions(prepare())
    for moment, services in killed_everywhere(edited, follow, WRITES):
        follow(services)
        assert actions(services) == [*before, action], moment
        assert serving(services) == after, moment
        assert follow(services) == [], moment


def changes(services: FakeServices) -> None:
    """What people and the judge do without the registry."""
    roll_back(services, key="end", **TERMS)
    challenge(services, 4, key="trial", **TERMS)
    promote(services, 4, key="promotion", **TERMS)
    roll_back(services, key="back", **TERMS)


def test_a_crash_between_ledger_and_alias_is_no_request() -> None:
    before = actions(on_trial())
    for moment, services in killed_everywhere(on_trial, changes, WRITES):
        made = actions(services)
        assert follow(services) == [], moment
        assert actions(services) == made, moment
        serving(services)
        changes(services)
        assert actions(services) == [*before, "rollback", "challenge", "promote", "rollback"]
        assert serving(services) == (1, None), moment


def test_the_reason_tells_what_was_edited_and_the_evidence_what_the_gate_said() -> None:
    for edit, reason, gate in (
        (move("champion", 2), "alias champion moved from version 1 to version 2", "admitted"),
        (move("champion", 3), "alias champion moved from version 1 to version 3", "refused"),
        (move("challenger", 4), "alias challenger moved from version 2 to version 4", "none"),
        (remove("challenger"), "alias challenger removed from version 2", None),
        (delete(2), "version 2, the challenger, was deleted", None),
    ):
        services = on_trial()
        edit(services)
        follow(services)
        change = services.ledger.history()[-1].change
        assert change.reason == f"{reason} in MLflow"
        assert change.evidence.get("gate") == gate


@pytest.mark.parametrize(
    "edit", [remove("champion"), lambda services: services.registry.set_note("x")]
)
def test_what_asks_for_nothing_is_mended(edit: Edit) -> None:
    services = on_trial()
    before = actions(services)
    edit(services)
    assert follow(services) == []
    assert actions(services) == before
    assert serving(services) == (1, 2)
    assert set(json.loads(services.registry.note() or "")) == {"champion", "challenger"}


def test_an_edit_that_leads_nowhere_is_mended_and_told() -> None:
    services = on_trial()
    before = actions(services)
    services.registry.set_alias("challenger", 1)
    (told,) = follow(services)
    assert told == {
        "alias": "challenger",
        "version": 1,
        "action": None,
        "reason": "version 1 is champion already",
    }
    assert actions(services) == before
    assert serving(services) == (1, 2)
    assert follow(services) == []


def test_a_version_that_nothing_can_serve_is_told_and_mended() -> None:
    """Its snapshot is not known: an engineer removed the tag, or registered it by hand."""
    services = on_trial()
    services.registry._versions[4] = replace(services.registry.get(4), tags={})
    services.registry.set_alias("champion", 4)
    (told,) = follow(services)
    assert (told["action"], "does not exist" in told["reason"]) == (None, True)
    assert serving(services) == (1, 2)


def test_a_champion_that_was_deleted_serves_on_and_stops_nobody() -> None:
    services = on_trial()
    services.registry.delete(1)
    assert follow(services) == []
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    services.registry.set_alias("champion", 2)
    assert [told["action"] for told in follow(services)] == ["promote"]
    assert serving(services) == (2, None)


def test_both_aliases_may_be_edited_at_once() -> None:
    services = on_trial()
    services.registry.set_alias("champion", 2)
    services.registry.set_alias("challenger", 4)
    assert [told["action"] for told in follow(services)] == ["promote", "challenge"]
    assert serving(services) == (2, 4)


def test_an_edit_waits_while_others_change_and_show_the_rollout() -> None:
    services = on_trial()
    services.registry.set_alias("challenger", 4)
    roll_back(services, key="end", **TERMS)
    assert services.registry.aliases() == {"champion": 1, "challenger": 4}
    assert [told["action"] for told in follow(services)] == ["challenge"]
    assert serving(services) == (1, 4)


def test_a_trial_that_ended_meanwhile_is_not_ended_in_place_of_its_successor() -> None:
    services = on_trial()
    services.registry.drop_alias("challenger")
    challenge(services, 4, key="trial", **TERMS)
    (told,) = follow(services)
    assert told["action"] is None
    assert serving(services) == (1, 4)


def test_a_request_that_was_rolled_back_before_its_alias_was_shown_is_not_made_again() -> None:
    """Killed after the entry; the judge undoes it; the alias still shows the edit."""

    def edited() -> FakeServices:
        services = on_trial()
        services.registry.set_alias("challenger", 4)
        return services

    for moment, services in killed_everywhere(edited, follow, {"ledger": ("append",)}):
        if actions(services)[-1] == "challenge":
            roll_back(services, key="judged", **TERMS)
            assert follow(services) == [], moment
            assert serving(services) == (1, None), moment


def test_the_same_edit_after_its_undoing_is_another_request() -> None:
    services = on_trial()
    for _ in range(2):
        services.registry.set_alias("challenger", 4)
        assert [told["action"] for told in follow(services)] == ["challenge"]
        services.registry.drop_alias("challenger")
        assert [told["action"] for told in follow(services)] == ["rollback"]
    assert actions(services)[-4:] == ["challenge", "rollback"] * 2


def test_before_the_first_champion_an_alias_asks_for_one() -> None:
    services = FakeServices(Settings())
    assert follow(services) == []
    register_version(services, 1)
    services.registry.set_alias("champion", 1)
    assert [told["action"] for told in follow(services)] == ["promote"]
    assert serving(services) == (1, None)


def test_an_installation_without_a_note_is_shown_as_it_is() -> None:
    """One from before, or a registry that was restored: it is not known what was shown."""
    services = on_trial()
    services.registry._note = None
    services.registry.set_alias("champion", 4)
    assert follow(services) == []
    assert serving(services) == (1, 2)


def test_an_empty_registry_stops_nobody() -> None:
    services = on_trial()
    services.registry = FakeServices().registry
    assert follow(services) == []
    roll_back(services, key="end", **TERMS)
    assert services.registry.aliases() == {}


def test_two_followers_at_once_make_one_entry() -> None:
    """Both have seen the edit before either acts."""
    for edit, action in ((move("challenger", 4), "challenge"), (remove("challenger"), "rollback")):
        services = on_trial()
        before = actions(services)
        edit(services)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ml.tasks.follow_registry._serving", _met(threading.Barrier(2)))
            run_both(lambda services=services: follow(services))
        follow(services)
        assert actions(services) == [*before, action]
        serving(services)


def _met(both: threading.Barrier) -> Callable[..., int | None]:
    """`_serving`, before which each thread waits for the other one the first time."""
    met: set[int] = set()

    def met_serving(rollout: Rollout, alias: Arm) -> int | None:
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both.wait(5)
        return _serving(rollout, alias)

    return met_serving


def run_both(act: Callable[[], object]) -> None:
    """In two threads; whoever comes second may find that the rollout has changed."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except Conflict:
            pass
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert failed == []
    assert not any(thread.is_alive() for thread in threads)


def test_who_shows_the_ledger_does_so_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the late move of a slow one would look like an engineer's."""
    services = on_trial()
    services.registry.drop_alias("champion")
    moving, move_on = threading.Event(), threading.Event()
    set_alias = services.registry.set_alias

    def slow(alias: str, version: int) -> None:
        moving.set()
        assert move_on.wait(5)
        set_alias(alias, version)

    monkeypatch.setattr(services.registry, "set_alias", slow)
    first = threading.Thread(target=show_in_registry, args=(services,))
    first.start()
    assert moving.wait(5)
    second = threading.Thread(target=lambda: promote(services, 2, key="promotion", **TERMS))
    second.start()
    while services.ledger.rollout().challenger:
        second.join(0.01)
    move_on.set()
    for thread in (first, second):
        thread.join(5)
    assert serving(services) == (2, None)
    assert follow(services) == []


def test_services_that_are_away_lose_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    services = on_trial()
    services.registry.set_alias("champion", 2)
    with monkeypatch.context() as patch:
        patch.setattr(services.registry, "aliases", _away)
        with pytest.raises(ServiceUnavailable):
            follow(services)
    services.database.down = True
    with pytest.raises(ServiceUnavailable):
        follow(services)
    services.database.down = False
    with monkeypatch.context() as patch:
        patch.setattr(services.ledger, "append", _away)
        with pytest.raises(ServiceUnavailable):
            follow(services)
    assert [told["action"] for told in follow(services)] == ["promote"]


def _away(*_: object, **__: object) -> None:
    raise ServiceUnavailable("it does not answer")


def test_only_what_the_ledger_does_not_say_is_news() -> None:
    services = on_trial()
    assert not is_news("champion", 1, services=services)
    assert not is_news("challenger", 2, services=services)
    assert not is_news("production", 9, services=services)
    assert is_news("champion", 2, services=services)
    assert is_news("challenger", None, services=services)
    services.database.down = True
    assert is_news("champion", 1, services=services)
