"""Who serves, as people see and decide it on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ml.cli import champion, rollout
from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.tasks.rollout import confirm
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.rollouts import actions, at, begin_trial, register_version, release_version

Regain = Callable[..., Result]


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    return FakeServices(Settings(state=tmp_path))


@pytest.fixture
def regain(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Regain:
    """Runs `regain` with these arguments on the services of the test; errors are raised."""
    monkeypatch.setattr(rollout, "Services", lambda _settings: services)
    app = typer.Typer()
    rollout.register(app)

    def run(*words: object) -> Result:
        arguments = [str(word) for word in words]
        return CliRunner().invoke(app, arguments, obj=services.settings, catch_exceptions=False)

    return run


def away(*_: object, **__: object) -> None:
    raise ServiceUnavailable("MLflow at http://mlflow does not answer")


def test_history_tells_when_what_who_and_why(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    lines = regain("history").output.splitlines()
    assert lines[0].split() == ["when", "what", "version", "by", "why"]
    assert [line.split()[2] for line in lines[1:3]] == ["promote", "challenge"]
    assert "challenge 5.0%" in lines[2]
    assert f"{at(2):%Y-%m-%d %H:%M}" in lines[2]
    assert "weighted F1 0.9000" in lines[2]


def test_history_tells_who_served_from_when_to_when(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    regain("promote", "--reason", "checked by hand")
    reigns = [line.split() for line in regain("history").output.splitlines()[5:]]
    assert reigns[0] == ["version", "served", "as", "from", "to"]
    assert [(row[0], row[1]) for row in reigns[1:]] == [
        ("1", "champion"),
        ("2", "challenger"),
        ("2", "champion"),
    ]
    assert [row[-1] == "now" for row in reigns[1:]] == [False, False, True]


def test_history_for_machines_has_the_evidence(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    entries = json.loads(regain("history", "--json").output)
    assert [entry["action"] for entry in entries] == ["promote", "challenge"]
    assert [entry["share"] for entry in entries] == [None, 0.05]
    assert entries[1]["evidence"]["candidate_weighted_f1"] == 0.9
    assert entries[1]["at"] == at(2).isoformat()


def test_no_history_says_what_to_do(regain: Regain) -> None:
    assert "retrain_monthly" in regain("history").output


def test_markup_of_a_reason_is_shown_as_it_is(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    regain("rollback", "--reason", "[bold]too[/bold] many errors")
    assert "[bold]too[/bold] many errors" in regain("history").output


def test_promote_takes_the_challenger(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    shown = regain("promote", "--reason", "enough").output
    assert "version 2 serves" in shown
    assert "undo: regain rollback" in shown
    assert services.registry.aliases() == {"champion": 2}
    change = services.ledger.history()[-1].change
    assert (change.action, change.reason) == ("promote", "enough")


def test_promote_without_a_trial_asks_for_a_version(services: FakeServices, regain: Regain) -> None:
    release_version(services, 1, against=None)
    with pytest.raises(InvalidInput, match="regain promote VERSION"):
        regain("promote", "--reason", "enough")


def test_promoting_the_champion_only_mends_the_aliases(
    services: FakeServices, regain: Regain
) -> None:
    begin_trial(services)
    services.registry.drop_alias("champion")
    assert "nothing changed" in regain("promote", 1, "--reason", "again").output
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    assert actions(services) == ["promote", "challenge"]


@pytest.mark.parametrize("command", ["promote", "challenge"])
def test_a_refused_version_needs_force(
    services: FakeServices, regain: Regain, command: str
) -> None:
    release_version(services, 1, against=None)
    release_version(services, 2, against=1, admitted=False)
    with pytest.raises(InvalidInput, match=r"refused \(it is worse\); insist with --force"):
        regain(command, 2, "--reason", "I know better")
    assert actions(services) == ["promote", "refuse"]
    regain(command, 2, "--reason", "I know better", "--force")
    assert actions(services) == ["promote", "refuse", command]


def test_a_champion_whose_watch_was_passed_may_serve_again(
    services: FakeServices, regain: Regain
) -> None:
    begin_trial(services)
    regain("promote", "--reason", "enough")
    confirm(services, reason="it held", actor="judge", at=at(20), key="confirmed")
    release_version(services, 3, against=2)
    regain("promote", "--reason", "better yet")
    assert "version 2 serves" in regain("promote", 2, "--reason", "3 is odd").output


def test_so_does_one_that_the_gate_never_saw(services: FakeServices, regain: Regain) -> None:
    release_version(services, 1, against=None)
    register_version(services, 2)
    with pytest.raises(InvalidInput, match="the gate did not decide on version 2"):
        regain("challenge", 2, "--reason", "sabotage")
    shown = regain("challenge", 2, "--share", 0.25, "--reason", "sabotage", "--force").output
    assert "version 1 serves, version 2 25.0% of the products" in shown


def test_and_one_that_was_rolled_back(services: FakeServices, regain: Regain) -> None:
    begin_trial(services)
    undo = regain("rollback", "--reason", "slow").output.splitlines()[-1]
    assert undo == 'undo: regain challenge 2 --force --reason "..."'
    with pytest.raises(InvalidInput, match=r"rolled back \(slow\)"):
        regain("challenge", 2, "--reason", "try again")
    regain("challenge", 2, "--reason", "try again", "--force")
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}


def test_an_unknown_version_is_not_found(services: FakeServices, regain: Regain) -> None:
    release_version(services, 1, against=None)
    with pytest.raises(NotFound):
        regain("promote", 7, "--reason", "typo", "--force")


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_is_a_share(services: FakeServices, regain: Regain, share: float) -> None:
    begin_trial(services)
    with pytest.raises(InvalidInput, match="share"):
        regain("challenge", 2, "--share", share, "--reason", "why not")
    assert actions(services) == ["promote", "challenge"]


def test_a_new_trial_says_that_the_one_before_is_over(
    services: FakeServices, regain: Regain
) -> None:
    begin_trial(services)
    shown = regain("challenge", 2, "--share", 0.5, "--reason", "faster").output
    assert shown.startswith("the trial of version 2 is over\n")
    assert "version 2 50.0% of the products" in shown


def test_rollback_withdraws_the_challenger_then_returns_to_the_former_champion(
    services: FakeServices, regain: Regain
) -> None:
    begin_trial(services)
    regain("promote", "--reason", "enough")
    release_version(services, 3, against=2)
    assert "version 3 is withdrawn; version 2 serves" in regain("rollback", "--reason", "a").output
    shown = regain("rollback", "--reason", "b").output
    assert "version 2 is withdrawn; version 1 serves" in shown
    assert 'undo: regain promote 2 --force --reason "..."' in shown
    with pytest.raises(InvalidInput, match="first champion"):
        regain("rollback", "--reason", "c")


def test_rollback_of_a_named_version_takes_no_other(services: FakeServices, regain: Regain) -> None:
    """The judge was faster: the champion must not go in the challenger's stead."""
    begin_trial(services)
    regain("promote", "--reason", "enough")
    release_version(services, 3, against=2)
    regain("rollback", 3, "--reason", "the judge's")
    with pytest.raises(InvalidInput, match="version 3 is neither champion nor challenger"):
        regain("rollback", 3, "--reason", "mine")
    assert services.registry.aliases() == {"champion": 2}


def test_rollback_of_the_champion_ends_the_trial_against_it(
    services: FakeServices, regain: Regain
) -> None:
    begin_trial(services)
    regain("promote", "--reason", "enough")
    release_version(services, 3, against=2)
    shown = regain("rollback", 2, "--reason", "complaints").output
    assert "version 2 is withdrawn; version 1 serves" in shown
    assert "undo: regain promote 2" in shown
    assert services.registry.aliases() == {"champion": 1}


def test_rollback_before_anything_serves_says_so(regain: Regain) -> None:
    with pytest.raises(InvalidInput, match="nothing to roll back"):
        regain("rollback", "--reason", "panic")


def test_a_rollback_without_the_registry_has_switched_and_says_what_lags(
    services: FakeServices, regain: Regain, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_trial(services)
    with monkeypatch.context() as patch:
        for method in ("get", "aliases", "set_alias", "drop_alias"):
            patch.setattr(services.registry, method, away)
        with pytest.raises(ServiceUnavailable, match="the ledger has switched") as caught:
            regain("rollback", "--reason", "now")
    assert "version 1 serves" in str(caught.value)
    assert "regain promote 1 --reason again" in str(caught.value)
    assert services.ledger.rollout().challenger is None
    regain("promote", 1, "--reason", "again")
    assert services.registry.aliases() == {"champion": 1}


def test_a_change_that_did_not_happen_is_no_switch(
    services: FakeServices, regain: Regain, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_version(services, 1, against=None)
    register_version(services, 2)
    monkeypatch.setattr(services.registry, "get", away)
    with pytest.raises(ServiceUnavailable, match=r"^MLflow at"):
        regain("challenge", 2, "--reason", "new", "--force")
    assert actions(services) == ["promote"]


def test_status_names_challenger_and_share(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion, "Services", lambda _settings: services)
    assert champion.standing(services.settings).trial == "none"
    begin_trial(services)
    standing = champion.standing(services.settings)
    assert standing.line == "version 1 since 2026-03-01 13:00:00+00:00"
    assert standing.trial == "version 2 since 2026-03-01 14:00:00+00:00, 5.0% of the products"
    shown = standing.as_json()["challenger"]
    assert shown == {
        "version": 2,
        "since": at(2).isoformat(),
        "share": 0.05,
        "experiment": "trial-2",
    }
