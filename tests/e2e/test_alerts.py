"""Alerts through the real Airflow: delivered often, never, in vain, and too early.

Of the timetables only the sweep of `retrain_on_drift` matters, which asks the outbox alone.
"""

from datetime import timedelta

import pytest

from ml.domain.drift import Action
from ml.simulation.categories import CATEGORIES
from ml.simulation.marketplace import Marketplace
from ml.wiring.build import Services
from tests.e2e.installation import wait_until
from tests.e2e.saboteur import Saboteur
from tests.e2e.text_stack import (
    CHECK,
    FIRST,
    MARKET,
    MAX_ATTEMPTS,
    OPENS,
    RETRAIN,
    WINDOW,
    TextStack,
)
from tests.examples import a_prediction

FORMER = Marketplace(
    seed=8, opens_at=OPENS - timedelta(days=50), categories=CATEGORIES[:4], camera=None
)
DRIFTED, LATER = 260, 320  # products that are known when something happens
ASSET = "drift_alert"
BY_SWEEP = f"{RETRAIN}:scheduled__"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # services' clients warn of their own affairs
]


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
    text_stack: TextStack,
) -> None:
    """A real check raises the alert; nothing runs that could send the event. The sweep finds it."""
    services, saboteur = text_stack.services, Saboteur()
    events, before = text_stack.rest.events(ASSET), text_stack.versions()
    text_stack.learn(MARKET, DRIFTED)
    _serve_drifted(services)
    text_stack.airflow.trigger(CHECK, as_of=MARKET.listed_at(DRIFTED), run_id="drift")
    wait_until("an alert", services.alerts.history)
    saboteur.kill_service(text_stack.settings, "airflow-scheduler")
    text_stack.rest.pause(CHECK)

    (alert,) = [
        each.alert
        for each in services.alerts.history()
        if each.alert.action is Action.RETRAIN and each.alert.model_version == 1
    ]
    (attempt,) = text_stack.settled(alert).attempts
    assert attempt.claimant.startswith(BY_SWEEP)
    assert text_stack.claimant_state(attempt.claimant) == "success"
    assert text_stack.retrained_by(attempt.claimant) == text_stack.versions() == before + 1
    assert text_stack.airflow.run(CHECK, "drift").tasks["announce"] != "success"
    assert text_stack.rest.events(ASSET) == events


def test_an_alert_delivered_a_hundred_times_is_retrained_for_once(
    text_stack: TextStack,
) -> None:
    before, events = text_stack.versions(), text_stack.rest.events(ASSET)
    earlier = text_stack.airflow.runs(RETRAIN)
    text_stack.learn(MARKET, LATER)
    alert = text_stack.raise_alert("a hundredfold", at=MARKET.listed_at(LATER))
    text_stack.rest.deliver(ASSET, 90)
    text_stack.settled(alert)
    known = text_stack.airflow.runs(RETRAIN)
    text_stack.rest.deliver(ASSET, 10)

    late = text_stack.runs_since(known)
    assert any(run_id.startswith("asset_triggered__") for run_id in late)
    runs = text_stack.runs_since(earlier)
    assert {text_stack.run_state(RETRAIN, run_id) for run_id in runs} == {"success"}
    assert text_stack.rest.events(ASSET) == events + 100
    (attempt,) = text_stack.record(alert).attempts
    assert attempt.succeeded
    assert text_stack.retrained_by(attempt.claimant) == text_stack.versions() == before + 1


def test_a_retraining_that_keeps_failing_is_tried_again_and_then_calls_for_people(
    text_stack: TextStack,
) -> None:
    """No label is that old. The first attempt is the event's, the next one comes by itself."""
    services, before = text_stack.services, text_stack.versions()
    alert = text_stack.raise_alert("hopeless", at=FORMER.opens_at - timedelta(days=1))
    text_stack.rest.deliver(ASSET)
    attempts = text_stack.failed(alert, MAX_ATTEMPTS).attempts

    assert len({attempt.claimant for attempt in attempts}) == MAX_ATTEMPTS
    assert attempts[-1].claimant.startswith(BY_SWEEP)
    assert {text_stack.claimant_state(attempt.claimant) for attempt in attempts} == {"failed"}
    (repair,) = [
        each.alert for each in services.alerts.history() if each.alert.action is Action.REPAIR
    ]
    assert repair.at == alert.at
    assert alert.reason in repair.reason
    assert text_stack.versions() == before


def test_a_failed_retraining_succeeds_once_its_cause_is_mended(
    text_stack: TextStack,
) -> None:
    """The labels of its time come late; the sweep tries again."""
    before = text_stack.versions()
    alert = text_stack.raise_alert("too early", at=FORMER.listed_at(FIRST))
    text_stack.rest.deliver(ASSET)
    text_stack.failed(alert, 1)
    text_stack.learn(FORMER, FIRST)
    failed, succeeded = text_stack.settled(alert).attempts

    assert text_stack.claimant_state(failed.claimant) == "failed"
    assert succeeded.claimant.startswith(BY_SWEEP)
    assert text_stack.claimant_state(succeeded.claimant) == "success"
    assert text_stack.retrained_by(succeeded.claimant) == text_stack.versions() == before + 1
    alerts = text_stack.services.alerts.history()
    assert [each.alert.action for each in alerts].count(Action.REPAIR) == 1
    assert all(len(each.attempts) <= MAX_ATTEMPTS for each in alerts)
