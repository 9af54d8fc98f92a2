"""Alerts through the real Airflow: delivered often, never, in vain, and too early.

The marketplace lies in the future, so whatever the timetables start as of today finds nothing in
it: only the sweep of `retrain_on_drift` matters, which asks the outbox alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.airflow import FINISHED, AirflowClient
from ml.domain.drift import Action, Alert, AlertRecord
from ml.domain.errors import NotFound
from ml.simulation.categories import CATEGORIES
from ml.simulation.marketplace import Marketplace
from ml.simulation.replay import write_catalogue
from ml.stack import control
from ml.tasks.import_catalogue import import_catalogue
from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.e2e.asset_events import AssetEvents
from tests.e2e.installation import airflow_of, settings_of, state_folder, wait_until
from tests.e2e.saboteur import Saboteur
from tests.examples import a_drift_check, a_prediction, an_alert
from tests.unit.tasks.installation import retrain

OPENS = datetime(2100, 1, 4, tzinfo=UTC)
MARKET = Marketplace(seed=7, opens_at=OPENS, categories=CATEGORIES[:4], camera=None)
FORMER = Marketplace(
    seed=8, opens_at=OPENS - timedelta(days=50), categories=CATEGORIES[:4], camera=None
)
FIRST, DRIFTED, LATER = 200, 260, 320  # products that are known when something happens
WINDOW = 60
MAX_ATTEMPTS = 2

CHECK, RETRAIN = "check_drift", "retrain_on_drift"
BY_SWEEP = f"{RETRAIN}:scheduled__"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # services' clients warn of their own affairs
]


@dataclass(frozen=True)
class Installation:
    """A stack on which version 1 serves, its sweep on."""

    settings: Settings
    services: Services
    airflow: AirflowClient
    events: AssetEvents

    def learn(self, market: Marketplace, products: int) -> None:
        """Import the first products of a marketplace that are not there yet."""
        folder = self.settings.state / f"catalogue-{market.seed}-{products}"
        write_catalogue(market.products(products), folder)
        import_catalogue(self.services, folder)

    def raise_alert(self, name: str, *, at: datetime) -> Alert:
        """Leave what a check leaves that dies before it tells anybody: its alert in the outbox."""
        alert = an_alert(alert_id=name, at=at, window_start=at - timedelta(days=1))
        self.services.drift_log.record(a_drift_check(check_id=f"check of {name}"), [alert])
        return alert

    def record(self, alert: Alert) -> AlertRecord:
        """What became of an alert so far."""
        return next(each for each in self.services.alerts.history() if each.alert == alert)

    def settled(self, alert: Alert) -> AlertRecord:
        """The alert, once a retraining for it has succeeded."""
        wait_until(f"a retraining for {alert.alert_id}", lambda: self.record(alert).settled)
        return self.record(alert)

    def failed(self, alert: Alert, times: int) -> AlertRecord:
        """The alert, once so many retrainings for it have failed."""
        failures = f"{times} failed retrainings for {alert.alert_id}"
        wait_until(failures, lambda: self.record(alert).failures >= times)
        return self.record(alert)

    def run_state(self, claimant: str) -> str:
        """How the run that claimed an alert ended."""
        run_id = claimant.removeprefix(f"{RETRAIN}:")

        def ended() -> str | None:
            state = self.airflow.runs(RETRAIN)[run_id]
            return state if state in FINISHED else None

        return wait_until(f"the end of {run_id}", ended) or ""

    def runs_since(self, known: Iterable[str]) -> set[str]:
        """The runs that are not known, once no event waits for another."""
        wait_until("runs for all events", lambda: not self.events.are_waiting(RETRAIN))
        return self.airflow.runs(RETRAIN).keys() - set(known)

    def retrained_by(self, claimant: str) -> int:
        """The version that a run trained, and decided on once."""
        (entry,) = [each for each in self.services.ledger.history() if each.change.key == claimant]
        return entry.change.model_version

    def versions(self) -> int:
        """How many versions the registry has."""
        number = 0
        while True:
            try:
                self.services.registry.get(number + 1)
            except NotFound:
                return number
            number += 1


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with state_folder() as state:
        settings = settings_of(
            state,
            alert_sweep_minutes=1,
            alert_max_attempts=MAX_ATTEMPTS,
            drift_reference_products=WINDOW,
            drift_window_products=WINDOW,
            drift_min_products=WINDOW,
            drift_checks_in_a_row=1,
            serving_workers=1,
        )
        try:
            control.up(settings)
            with (
                airflow_of(settings) as airflow,
                AssetEvents(settings, "drift_alert") as events,
            ):
                stack = Installation(settings, Services(settings), airflow, events)
                stack.learn(MARKET, FIRST)
                assert retrain(stack.services, "first", as_of=_time(FIRST)) == "promote"
                for dag_id in (CHECK, RETRAIN):
                    airflow.wait_for_dag(dag_id)
                yield stack
        finally:
            control.down(settings)


def _time(products: int) -> str:
    """When so many products are known."""
    return MARKET.listed_at(products).isoformat()


def _serve_drifted(services: Services) -> None:
    """Version 1 answers two windows; in the second titles are twice as long."""
    services.predictions.append(
        [
            a_prediction(
                number,
                predicted_at=MARKET.listed_at(FIRST) + timedelta(minutes=number),
                category=CATEGORIES[number % 4].code,
                signals={"title_length": 70.0 * (1 + number // WINDOW) + number % 10},
            )
            for number in range(2 * WINDOW)
        ]
    )


def test_killing_the_scheduler_between_outbox_and_event_loses_nothing(
    installation: Installation,
) -> None:
    """A real check raises the alert; nothing runs that could send the event. The sweep finds it."""
    services, saboteur = installation.services, Saboteur()
    events, before = installation.events.count(), installation.versions()
    installation.learn(MARKET, DRIFTED)
    _serve_drifted(services)
    installation.airflow.trigger(CHECK, as_of=MARKET.listed_at(DRIFTED), run_id="drift")
    wait_until("an alert", services.alerts.history)
    saboteur.kill_service(installation.settings, "airflow-scheduler")
    installation.events.pause(CHECK)

    (alert,) = [
        each.alert
        for each in services.alerts.history()
        if each.alert.action is Action.RETRAIN and each.alert.model_version == 1
    ]
    (attempt,) = installation.settled(alert).attempts
    assert attempt.claimant.startswith(BY_SWEEP)
    assert installation.run_state(attempt.claimant) == "success"
    assert installation.retrained_by(attempt.claimant) == installation.versions() == before + 1
    assert installation.airflow.run(CHECK, "drift").tasks["announce"] != "success"
    assert installation.events.count() == events


def test_an_alert_delivered_a_hundred_times_is_retrained_for_once(
    installation: Installation,
) -> None:
    before, events = installation.versions(), installation.events.count()
    earlier = installation.airflow.runs(RETRAIN)
    installation.learn(MARKET, LATER)
    alert = installation.raise_alert("a hundredfold", at=MARKET.listed_at(LATER))
    installation.events.deliver(90)
    installation.settled(alert)
    known = installation.airflow.runs(RETRAIN)
    installation.events.deliver(10)

    late = installation.runs_since(known)
    assert any(run_id.startswith("asset_triggered__") for run_id in late)
    runs = installation.runs_since(earlier)
    assert {installation.run_state(run_id) for run_id in runs} == {"success"}
    assert installation.events.count() == events + 100
    (attempt,) = installation.record(alert).attempts
    assert attempt.succeeded
    assert installation.retrained_by(attempt.claimant) == installation.versions() == before + 1


def test_a_retraining_that_keeps_failing_is_tried_again_and_then_calls_for_people(
    installation: Installation,
) -> None:
    """No label is that old. The first attempt is the event's, the next one comes by itself."""
    services, before = installation.services, installation.versions()
    alert = installation.raise_alert("hopeless", at=FORMER.opens_at - timedelta(days=1))
    installation.events.deliver()
    attempts = installation.failed(alert, MAX_ATTEMPTS).attempts

    assert len({attempt.claimant for attempt in attempts}) == MAX_ATTEMPTS
    assert attempts[-1].claimant.startswith(BY_SWEEP)
    assert {installation.run_state(attempt.claimant) for attempt in attempts} == {"failed"}
    (repair,) = [
        each.alert for each in services.alerts.history() if each.alert.action is Action.REPAIR
    ]
    assert repair.at == alert.at
    assert alert.reason in repair.reason
    assert installation.versions() == before


def test_a_failed_retraining_succeeds_once_its_cause_is_mended(
    installation: Installation,
) -> None:
    """The labels of its time come late; the sweep tries again."""
    before = installation.versions()
    alert = installation.raise_alert("too early", at=FORMER.listed_at(FIRST))
    installation.events.deliver()
    installation.failed(alert, 1)
    installation.learn(FORMER, FIRST)
    failed, succeeded = installation.settled(alert).attempts

    assert installation.run_state(failed.claimant) == "failed"
    assert succeeded.claimant.startswith(BY_SWEEP)
    assert installation.run_state(succeeded.claimant) == "success"
    assert installation.retrained_by(succeeded.claimant) == installation.versions() == before + 1
    alerts = installation.services.alerts.history()
    assert [each.alert.action for each in alerts].count(Action.REPAIR) == 1
    assert all(len(each.attempts) <= MAX_ATTEMPTS for each in alerts)
