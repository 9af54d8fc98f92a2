"""A stack on which version 1 serves, that learnt titles of four categories: what retrains quickly.

The marketplace lies in the future, so whatever the timetables start as of today finds nothing in
it. An engineer approves promotions.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml.demo.airflow import FINISHED, AirflowClient
from ml.domain.drift import Alert, AlertRecord
from ml.domain.errors import NotFound
from ml.simulation.categories import CATEGORIES
from ml.simulation.marketplace import Marketplace
from ml.simulation.replay import write_catalogue
from ml.stack import control
from ml.tasks.import_catalogue import import_catalogue
from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.e2e.airflow_rest import AirflowRest
from tests.e2e.installation import airflow_of, settings_of, state_folder, wait_until
from tests.examples import a_drift_check, an_alert
from tests.unit.tasks.installation import retrain

OPENS = datetime(2100, 1, 4, tzinfo=UTC)
MARKET = Marketplace(seed=7, opens_at=OPENS, categories=CATEGORIES[:4], camera=None)
FIRST = 200  # products that version 1 learnt
WINDOW = 60
MAX_ATTEMPTS = 2

CHECK, RETRAIN = "check_drift", "retrain_on_drift"


@dataclass(frozen=True)
class TextStack:
    """The running stack and its clients."""

    settings: Settings
    services: Services
    airflow: AirflowClient
    rest: AirflowRest

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

    def claimant_state(self, claimant: str) -> str:
        """How the run that claimed an alert ended."""
        return self.run_state(RETRAIN, claimant.removeprefix(f"{RETRAIN}:"))

    def run_state(self, dag_id: str, run_id: str) -> str:
        """How a run ended."""

        def ended() -> str | None:
            state = self.airflow.runs(dag_id)[run_id]
            return state if state in FINISHED else None

        return wait_until(f"the end of {run_id}", ended) or ""

    def runs_since(self, known: Iterable[str]) -> set[str]:
        """The retrainings that are not known, once no event waits for another."""
        wait_until("runs for all events", lambda: not self.rest.events_wait(RETRAIN))
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


@contextmanager
def running_text_stack() -> Iterator[TextStack]:
    """Start one, its sweep on; it is stopped and removed at the end."""
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
            promotion_approval=True,
            watch_share=1.0,
            disagreement_capacity_per_day=1e6,  # people label every disagreement, once
            second_review_share=0.0,
            # Beside a model that learnt nothing but is sure of it; on a machine that is busy.
            guardrail_max_unsure_rise=0.99,
            guardrail_min_class_share=0.01,
            guardrail_max_p95_ms=60_000,
        )
        try:
            control.up(settings)
            with airflow_of(settings) as airflow, AirflowRest(settings) as rest:
                stack = TextStack(settings, Services(settings), airflow, rest)
                stack.learn(MARKET, FIRST)
                assert retrain(stack.services, "first", as_of=time_of(FIRST)) == "promote"
                for dag_id in (CHECK, RETRAIN):
                    airflow.wait_for_dag(dag_id)
                yield stack
        finally:
            control.down(settings)


def time_of(products: int) -> str:
    """When so many products are known."""
    return MARKET.listed_at(products).isoformat()
