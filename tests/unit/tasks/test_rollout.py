"""Who serves is changed once, in the ledger, and the registry follows."""

from collections.abc import Callable
from typing import Any

import pytest

from ml.domain.errors import Conflict, InvalidInput, NotFound, ServiceUnavailable
from ml.tasks.rollout import challenge, promote, roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import actions, at, begin_trial, register_version, release_version

WRITES = {"ledger": ("append",), "registry": ("set_note", "set_alias", "drop_alias")}
TERMS: dict[str, Any] = {"reason": "because", "actor": "anna", "at": at(30), "key": "change"}


@pytest.fixture
def services() -> FakeServices:
    """Version 1 serves, nothing is on trial."""
    services = FakeServices(Settings())
    release_version(services, 1, against=None)
    return services


def test_a_challenger_gets_the_share_of_the_settings_unless_told(services: FakeServices) -> None:
    register_version(services, 2)
    challenge(services, 2, **TERMS)
    rollout = services.ledger.rollout()
    assert rollout.challenger is not None
    assert rollout.challenger.share == services.settings.challenger_share
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    challenge(services, 2, share=0.5, **{**TERMS, "key": "again"})
    again = services.ledger.rollout().challenger
    assert again is not None
    assert again.share == 0.5
    assert again.experiment != rollout.challenger.experiment


def test_a_promotion_ends_the_trial(services: FakeServices) -> None:
    register_version(services, 2)
    challenge(services, 2, **TERMS)
    promote(services, 2, **{**TERMS, "key": "promotion"})
    rollout = services.ledger.rollout()
    assert rollout.champion is not None
    assert (rollout.champion.model_version, rollout.challenger) == (2, None)
    assert rollout.champion.bundle_digest == "bundle-2"
    assert services.registry.aliases() == {"champion": 2}


def test_a_rollback_ends_the_trial_first_and_then_returns_to_the_former_champion() -> None:
    services = FakeServices(Settings())
    begin_trial(services)
    promote(services, 2, **{**TERMS, "key": "promotion"})
    register_version(services, 3)
    challenge(services, 3, **{**TERMS, "key": "trial"})
    roll_back(services, **{**TERMS, "key": "first"})
    assert services.registry.aliases() == {"champion": 2}
    roll_back(services, **{**TERMS, "key": "second"})
    assert services.registry.aliases() == {"champion": 1}
    with pytest.raises(InvalidInput, match="first champion"):
        roll_back(services, **{**TERMS, "key": "third"})


def test_nothing_is_rolled_back_before_anything_serves() -> None:
    with pytest.raises(InvalidInput, match="nothing to roll back"):
        roll_back(FakeServices(Settings()), **TERMS)


def test_an_unknown_version_is_not_found(services: FakeServices) -> None:
    for change in (challenge, promote):
        with pytest.raises(NotFound):
            change(services, 9, **TERMS)
    assert actions(services) == ["promote"]


def test_the_same_key_is_one_change_whatever_happened_since(services: FakeServices) -> None:
    """Repeated, a rollback of the challenger would take the champion."""
    register_version(services, 2)
    challenge(services, 2, **TERMS)
    first = roll_back(services, **{**TERMS, "key": "back"})
    assert roll_back(services, **{**TERMS, "key": "back"}) == first
    assert actions(services) == ["promote", "challenge", "rollback"]
    assert services.registry.aliases() == {"champion": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda services, seen: challenge(services, 3, **{**TERMS, "key": "late"}, seen=seen),
        lambda services, seen: promote(services, 3, **{**TERMS, "key": "late"}, seen=seen),
        lambda services, seen: roll_back(services, **{**TERMS, "key": "late"}, seen=seen),
    ],
    ids=["challenge", "promote", "roll_back"],
)
def test_a_change_decided_on_a_rollout_of_the_past_is_not_made(
    services: FakeServices, change: Callable[[FakeServices, int], object]
) -> None:
    register_version(services, 2)
    register_version(services, 3)
    seen = services.ledger.rollout().entry_id
    challenge(services, 2, **TERMS)
    with pytest.raises(Conflict):
        change(services, seen)
    assert actions(services) == ["promote", "challenge"]
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}


def test_a_rollback_needs_no_registry(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger has switched when the registry is found away; repeated, only that is mended."""
    register_version(services, 2)
    challenge(services, 2, **TERMS)
    with monkeypatch.context() as patch:
        for method in ("get", "aliases", "set_alias", "drop_alias"):
            patch.setattr(services.registry, method, _away)
        with pytest.raises(ServiceUnavailable):
            roll_back(services, **{**TERMS, "key": "back"})
    assert services.ledger.rollout().challenger is None
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    roll_back(services, **{**TERMS, "key": "back"})
    assert services.registry.aliases() == {"champion": 1}
    assert actions(services) == ["promote", "challenge", "rollback"]


def _away(*_: object, **__: object) -> None:
    raise ServiceUnavailable("MLflow does not answer")


def test_killed_at_any_write_a_repeated_change_ends_the_same() -> None:
    def prepare() -> FakeServices:
        services = FakeServices(Settings())
        begin_trial(services)
        promote(services, 2, **{**TERMS, "key": "promotion"})
        register_version(services, 3)
        return services

    def act(services: FakeServices) -> None:
        challenge(services, 3, **{**TERMS, "key": "trial"})
        roll_back(services, **{**TERMS, "key": "end"})
        roll_back(services, **{**TERMS, "key": "back"})

    for moment, services in killed_everywhere(prepare, act, WRITES):
        act(services)
        assert actions(services)[-3:] == ["challenge", "rollback", "rollback"], moment
        assert len(actions(services)) == 6, moment
        assert services.registry.aliases() == {"champion": 1}, moment
