"""Who serves, decided by people: over approvals, aliases in MLflow, and with Airflow stopped.

A model that learnt nothing is champion, and the judge finds that version 1 is better.
"""

import pytest

from ml.demo.sabotage import sabotage
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.errors import ServiceUnavailable
from ml.domain.predictions import Arm
from ml.domain.rollouts import ComparisonKind
from ml.stack import control
from ml.stack.layout import Layout
from ml.stack.plan import plan
from ml.stack.service import State
from ml.stack.supervisor import Supervisor
from ml.tasks import rollout as changes
from tests.e2e.floor import APPROVAL, ARRIVING, FOLLOW, GOOD, JUDGE, Floor
from tests.e2e.installation import wait_until
from tests.e2e.saboteur import Saboteur
from tests.e2e.text_stack import MARKET, TextStack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # services' clients warn of their own affairs
]


@pytest.fixture(scope="module")
def floor(text_stack: TextStack) -> Floor:
    services, at = text_stack.services, MARKET.listed_at(ARRIVING)
    bad = sabotage(services, at=at).change.model_version
    changes.promote(services, bad, reason="a test", actor="test", at=at, key="bad")
    for dag_id in (JUDGE, APPROVAL, FOLLOW):
        text_stack.airflow.wait_for_dag(dag_id)
    floor = Floor(text_stack, bad)
    floor.wait_until_served()
    return floor


def test_a_rollback_does_not_wait_for_an_open_question(floor: Floor) -> None:
    """Whatever is answered afterwards concerns a trial that is over."""
    trial = floor.promising_trial("before-rollback")
    question = floor.open_question()
    assert f"version {GOOD}" in question.subject

    floor.regain("rollback", str(GOOD), "--reason", "an engineer knows better")
    floor.wait_until_served()
    assert {each.model_version for each in floor.serve(10)} == {floor.bad}
    assert floor.open_question() == question

    rolled_back = floor.last
    assert rolled_back.change.action is LedgerAction.ROLLBACK
    assert floor.approve(question) == "failed"
    assert floor.last == rolled_back
    assert floor.rollout.comparison != trial


def test_an_approved_challenger_takes_over_and_is_watched(floor: Floor) -> None:
    """The former champion goes on scoring beside it."""
    trial = floor.promising_trial("before-approval")
    assert floor.rollout.challenger is not None
    question = floor.open_question()
    assert floor.approve(question) == "success"

    promoted = floor.last.change
    assert (promoted.action, promoted.actor) == (LedgerAction.PROMOTE, "approval")
    assert promoted.evidence["experiment"] == trial.experiment
    floor.wait_until_served()
    answers = floor.serve(10)
    assert {(each.arm, each.model_version) for each in answers} == {(Arm.CHAMPION, GOOD)}
    watch = floor.rollout.comparison
    assert watch is not None
    assert (watch.kind, watch.baseline.model_version) == (ComparisonKind.WATCH, floor.bad)
    floor.wait_until_scored(watch.experiment, 10)


def test_an_alias_moved_and_removed_in_mlflow_begins_and_ends_a_trial(floor: Floor) -> None:
    """Seconds after each edit; the timetable would take minutes for one of the two at least."""
    before, last = floor.stack.airflow.runs(FOLLOW), floor.last
    registry = floor.stack.services.registry
    registry.set_alias("challenger", floor.bad)
    begun = floor.wait_for_entry(last)
    assert (begun.action, begun.actor) == (LedgerAction.CHALLENGE, "mlflow")
    assert begun.model_version == floor.bad
    floor.wait_until_served()

    last = floor.last
    registry.drop_alias("challenger")
    ended = floor.wait_for_entry(last)
    assert (ended.action, ended.actor) == (LedgerAction.ROLLBACK, "mlflow")
    assert floor.rollout.challenger is None
    floor.wait_until_served()
    woken = floor.stack.airflow.runs(FOLLOW).keys() - before.keys()
    assert any(not run_id.startswith("scheduled__") for run_id in woken)
    assert {floor.stack.run_state(FOLLOW, run_id) for run_id in woken} == {"success"}


def test_a_judge_mends_what_a_lost_postgresql_left_between_ledger_and_alias(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger has the trial, MLflow does not show it; that is taken for nobody's edit."""
    settings, registry = floor.stack.settings, floor.stack.services.registry
    show = changes.show_in_registry

    def lose_postgresql(services: object) -> None:
        Saboteur().kill_service(settings, "postgres")
        show(services)

    monkeypatch.setattr(changes, "show_in_registry", lose_postgresql)
    with pytest.raises(ServiceUnavailable):
        floor.try_out(floor.bad)
    monkeypatch.undo()
    wait_until("PostgreSQL", lambda: _is_back(floor))
    begun = floor.last.change
    assert (begun.action, begun.actor) == (LedgerAction.CHALLENGE, "test")
    floor.judge("after-loss")
    assert registry.aliases() == {"champion": GOOD, "challenger": floor.bad}
    assert [entry.change.actor for entry in _entries_since(floor, begun)] == [JUDGE]
    floor.wait_until_served()


def test_regain_rollback_works_with_airflow_stopped(floor: Floor) -> None:
    """Last: Airflow is not started again."""
    if floor.rollout.challenger is None:
        floor.try_out(floor.bad)
    assert {each.model_version for each in floor.serve(20)} == {GOOD, floor.bad}
    _stop_airflow(floor)

    said = floor.regain("rollback", str(floor.bad), "--reason", "it learnt nothing")
    assert f"version {floor.bad} is withdrawn; version {GOOD} serves" in said
    floor.wait_until_served()
    assert {each.model_version for each in floor.serve(20)} == {GOOD}
    assert floor.stack.services.registry.aliases() == {"champion": GOOD}


def _is_back(floor: Floor) -> bool:
    try:
        return floor.last.entry_id > 0 and bool(floor.stack.services.registry.aliases())
    except ServiceUnavailable:
        return False


def _entries_since(floor: Floor, change: LedgerChange) -> list[LedgerEntry]:
    history = floor.stack.services.ledger.history()
    (place,) = [i for i, entry in enumerate(history) if entry.change.key == change.key]
    return history[place + 1 :]


def _stop_airflow(floor: Floor) -> None:
    settings = floor.stack.settings
    layout = Layout.of(settings)
    for service in plan(settings, layout):
        if service.name.startswith("airflow-") and not service.once:
            Supervisor(layout).stop(service)

    def is_stopped() -> bool:
        states = [e.state for e in control.status(settings) if e.name.startswith("airflow-")]
        return set(states) == {State.STOPPED}

    wait_until("Airflow's end", is_stopped, seconds=60)
