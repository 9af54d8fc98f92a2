"""The first version serves, later ones are tried, refused ones are remembered."""

import pytest

from ml.domain.errors import Conflict, InvalidInput
from ml.tasks.release import release
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.installation import end_trial
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import (
    actions,
    at,
    begin_trial,
    evaluate_version,
    register_version,
    release_version,
)

WRITES = {"ledger": ("append",), "registry": ("tag", "set_alias")}


@pytest.fixture
def services() -> FakeServices:
    return FakeServices(Settings(challenger_share=0.2))


def test_a_later_version_is_tried_on_its_share(services: FakeServices) -> None:
    begin_trial(services)
    rollout = services.ledger.rollout()
    assert rollout.champion is not None
    assert rollout.challenger is not None
    assert rollout.champion.model_version == 1
    assert (rollout.challenger.model_version, rollout.challenger.share) == (2, 0.2)
    assert rollout.challenger.since == at(2)
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    assert services.registry.get(2).tags["regain.gate"].startswith("admitted: ")


def test_a_refused_version_leaves_a_trial_alone(services: FakeServices) -> None:
    begin_trial(services)
    assert release_version(services, 3, against=1, admitted=False) == "refuse"
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    assert services.registry.get(3).tags["regain.gate"] == "refused: it is worse"


def test_a_refused_first_version_does_not_serve(services: FakeServices) -> None:
    assert release_version(services, 1, against=None, admitted=False) == "refuse"
    assert services.ledger.rollout().champion is None
    assert services.registry.aliases() == {}


def test_a_new_challenger_names_the_one_it_replaces(services: FakeServices) -> None:
    begin_trial(services)
    assert release_version(services, 3, against=1) == "challenge"
    assert services.ledger.history()[-1].change.evidence["replaced_challenger"] == 2
    assert "replaced_challenger" not in services.ledger.history()[-2].change.evidence
    assert services.registry.aliases() == {"champion": 1, "challenger": 3}


@pytest.mark.parametrize(("version", "said"), [(1, "serves already"), (2, "on trial already")])
def test_what_serves_or_is_tried_already_is_left_alone(
    services: FakeServices, version: int, said: str
) -> None:
    begin_trial(services)
    key = evaluate_version(services, version, against=1)
    again = release(
        version=version,
        evaluation_key=key,
        as_of=at(9).isoformat(),
        run="another run",
        services=services,
    )
    assert again == said
    assert actions(services) == ["promote", "challenge"]


def test_a_version_held_against_a_former_champion_is_not_tried(services: FakeServices) -> None:
    begin_trial(services)
    end_trial(services)
    with pytest.raises(InvalidInput, match="clear the task evaluate"):
        release_version(services, 3, against=1)
    assert actions(services) == ["promote", "challenge", "promote"]


def test_who_is_overtaken_between_reading_and_writing_does_not_decide(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run promotes the first version after this one saw that none serves."""
    register_version(services, 1)
    register_version(services, 2)
    key = evaluate_version(services, 2, against=None)
    get = services.snapshots.get

    def overtaken(digest: str) -> object:
        monkeypatch.undo()
        release_version(services, 1, against=None)
        return get(digest)

    monkeypatch.setattr(services.snapshots, "get", overtaken)
    with pytest.raises(Conflict):
        release(
            version=2,
            evaluation_key=key,
            as_of=at(2).isoformat(),
            run="run-2",
            services=services,
        )
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    assert actions(services) == ["promote"]


@pytest.mark.parametrize("admitted", [True, False])
def test_killed_at_any_write_the_next_attempt_ends_the_same(admitted: bool) -> None:
    def prepare() -> FakeServices:
        services = FakeServices(Settings())
        release_version(services, 1, against=None)
        return services

    def act(services: FakeServices) -> str:
        return release_version(services, 2, against=1, admitted=admitted)

    ends = ("challenge", "admitted", {"champion": 1, "challenger": 2})
    action, outcome, aliases = ends if admitted else ("refuse", "refused", {"champion": 1})
    for moment, services in killed_everywhere(prepare, act, WRITES):
        assert act(services) == action, moment
        assert actions(services) == ["promote", action], moment
        assert services.registry.aliases() == aliases, moment
        assert services.registry.get(2).tags["regain.gate"].startswith(outcome), moment
