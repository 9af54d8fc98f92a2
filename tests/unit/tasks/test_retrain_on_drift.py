"""One successful retraining an alert, however often it is delivered and whatever dies."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ml.domain.drift import Action, AlertRecord
from ml.domain.errors import NotFound
from ml.tasks.retrain_on_drift import claim, settle_failure, settle_success
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.alerts import deliver
from tests.unit.tasks.kills import killed_everywhere
from tests.unit.tasks.rollouts import NOON, at

WRITES = {"alerts": ("claim", "settle")}
DELIVERIES = 100


class Clock:
    """The database's, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(clock: Clock) -> FakeServices:
    """One alert waits; three attempts, and leases of an hour."""
    services = FakeServices(Settings(alert_lease_seconds=3600, alert_max_attempts=3))
    services.database.clock = clock
    deliver(services, "drift-1")
    return services


def records(services: FakeServices, action: Action) -> list[AlertRecord]:
    return [record for record in services.alerts.history() if record.alert.action is action]


def fail(services: FakeServices, run: str) -> None:
    """An attempt whose retraining fails."""
    assert claim(run=run, services=services) is not None
    assert settle_failure(run=run, services=services)


def test_a_run_gets_the_oldest_alert_and_its_time(services: FakeServices) -> None:
    deliver(services, "drift-0", hours=-5)
    assert claim(run="run-1", services=services) == at(-5).isoformat()
    assert claim(run="run-2", services=services) == NOON.isoformat()
    assert claim(run="run-3", services=services) is None


def test_alerts_for_people_are_left_to_them() -> None:
    services = FakeServices(Settings())
    for action in (Action.INVESTIGATE, Action.REVIEW, Action.REPAIR):
        deliver(services, action.value, action=action)
    assert claim(run="run-1", services=services) is None


def test_a_cleared_run_gets_its_alert_again_and_nothing_once_it_has_settled(
    services: FakeServices,
) -> None:
    deliver(services, "drift-2", hours=1)
    assert claim(run="run-1", services=services) == NOON.isoformat()
    assert claim(run="run-1", services=services) == NOON.isoformat()
    assert settle_success(run="run-1", outcome="challenge", services=services)
    assert claim(run="run-1", services=services) is None


def test_a_hundred_deliveries_at_once_are_one_retraining(services: FakeServices) -> None:
    def deliver_and_run(number: int) -> bool:
        run = f"run-{number}"
        deliver(services, "drift-1")
        if claim(run=run, services=services) is None:
            return False
        return settle_success(run=run, outcome="challenge", services=services)

    with ThreadPoolExecutor(8) as pool:
        retrained = list(pool.map(deliver_and_run, range(DELIVERIES)))
    assert sum(retrained) == 1
    (record,) = services.alerts.history()
    assert record.settled
    assert len(record.attempts) == 1


def test_a_refused_version_settles_its_alert_and_says_so(services: FakeServices) -> None:
    claim(run="run-1", services=services)
    assert settle_success(run="run-1", outcome="refuse", services=services)
    (record,) = services.alerts.history()
    assert record.settled
    assert "refuse" in record.attempts[0].detail
    assert claim(run="run-2", services=services) is None


def test_a_failed_retraining_is_tried_again_by_the_next_run(services: FakeServices) -> None:
    fail(services, "run-1")
    assert claim(run="run-1", services=services) is None
    assert claim(run="run-2", services=services) == NOON.isoformat()
    assert settle_success(run="run-2", outcome="challenge", services=services)
    assert records(services, Action.REPAIR) == []


def test_the_last_failure_calls_for_people_once(services: FakeServices) -> None:
    for run in ("run-1", "run-2"):
        fail(services, run)
    assert records(services, Action.REPAIR) == []
    fail(services, "run-3")
    assert claim(run="run-4", services=services) is None
    assert claim(run="run-5", services=services) is None
    (repair,) = records(services, Action.REPAIR)
    assert repair.alert.reason == "retraining keeps failing, attempts: 3; the alert was: it drifted"
    assert (repair.alert.at, repair.alert.model_version) == (NOON, 1)
    assert dict(repair.alert.numbers) == {"failures": 3}


def test_a_run_that_vanishes_is_followed_when_its_lease_is_over(
    services: FakeServices, clock: Clock
) -> None:
    assert claim(run="run-1", services=services) is not None
    clock.now = 3599
    assert claim(run="run-2", services=services) is None
    clock.now = 3601
    assert claim(run="run-2", services=services) is not None
    assert not settle_success(run="run-1", outcome="challenge", services=services)
    assert settle_success(run="run-2", outcome="challenge", services=services)


@pytest.mark.parametrize("vanished", [1, 2, 3])
def test_attempts_that_vanish_count_as_failures(
    services: FakeServices, clock: Clock, vanished: int
) -> None:
    """Even when the last one did, so that nobody was left to call for people."""
    for number in range(3):
        run = f"run-{number}"
        assert claim(run=run, services=services) is not None
        if number >= 3 - vanished:
            clock.now += 3601
        else:
            settle_failure(run=run, services=services)
    assert records(services, Action.REPAIR) == []
    assert claim(run="run-4", services=services) is None
    (repair,) = records(services, Action.REPAIR)
    assert repair.alert.numbers["failures"] == 3


def test_who_fails_after_its_lease_counts_itself_once(services: FakeServices, clock: Clock) -> None:
    fail(services, "run-1")
    assert claim(run="run-2", services=services) is not None
    clock.now = 3601
    assert settle_failure(run="run-2", services=services)
    assert records(services, Action.REPAIR) == []
    assert claim(run="run-3", services=services) is not None


def test_a_run_without_an_alert_has_nothing_to_settle(services: FakeServices) -> None:
    for settle in (
        lambda: settle_success(run="run-1", outcome="challenge", services=services),
        lambda: settle_failure(run="run-1", services=services),
    ):
        with pytest.raises(NotFound, match="run-1 holds no alert"):
            settle()


def test_settling_again_changes_nothing(services: FakeServices) -> None:
    claim(run="run-1", services=services)
    assert settle_success(run="run-1", outcome="challenge", services=services)
    before = services.alerts.history()
    assert not settle_success(run="run-1", outcome="challenge", services=services)
    assert not settle_failure(run="run-1", services=services)
    assert services.alerts.history() == before


def _prepared() -> FakeServices:
    services = FakeServices(Settings(alert_max_attempts=1))
    deliver(services, "drift-1")
    return services


def test_killed_at_any_write_a_success_is_settled_once() -> None:
    def act(services: FakeServices) -> None:
        if claim(run="run-1", services=services) is not None:
            settle_success(run="run-1", outcome="challenge", services=services)

    for moment, services in killed_everywhere(_prepared, act, WRITES):
        act(services)
        (record,) = services.alerts.history()
        assert (record.settled, len(record.attempts)) == (True, 1), moment


def test_killed_at_any_write_the_last_failure_calls_for_people_once() -> None:
    def act(services: FakeServices) -> None:
        if claim(run="run-1", services=services) is not None:
            settle_failure(run="run-1", services=services)

    for moment, services in killed_everywhere(_prepared, act, WRITES):
        act(services)
        assert len(records(services, Action.REPAIR)) == 1, moment
        assert records(services, Action.RETRAIN)[0].failures == 1, moment
