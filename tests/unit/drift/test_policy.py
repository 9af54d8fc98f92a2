"""Which findings become alerts, and that the same products never alert twice."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from ml.domain.drift import (
    Action,
    Alert,
    AlertRecord,
    Attempt,
    DriftCheck,
    Finding,
    Monitor,
    Window,
)
from ml.drift.policy import AlertPolicy, alert_id, alerts_of
from tests.examples import START, day

POLICY = AlertPolicy(checks_in_a_row=3, max_attempts=3)
REFERENCE = Window(START, day(1), 2_000)


def a_check(at: float, *drifted: Monitor, days: float = 2) -> DriftCheck:
    """A check at a day, its current window the days before."""
    findings = tuple(
        Finding(monitor, monitor in drifted, f"about {monitor}", {"figure": 1.0})
        for monitor in Monitor
    )
    current = Window(day(at - days), day(at), 2_000)
    return DriftCheck(f"check-{at}", 1, day(at), REFERENCE, current, findings, "file:///r.html")


def alerts(
    check: DriftCheck,
    *,
    earlier: Sequence[DriftCheck] = (),
    raised: Sequence[AlertRecord] = (),
    on_trial: bool = False,
    policy: AlertPolicy = POLICY,
) -> tuple[Alert, ...]:
    return alerts_of(
        check,
        champion_entry=7,
        earlier=earlier,
        raised=raised,
        on_trial=on_trial,
        policy=policy,
    )


def actions(found: Sequence[Alert]) -> list[Action]:
    return [alert.action for alert in found]


def raised(action: Action, at: datetime, *outcomes: bool | None, version: int = 1) -> AlertRecord:
    alert = Alert(f"{action}-{at}", action, version, at, START, "drift", {})
    return AlertRecord(alert, tuple(Attempt("run", outcome, "") for outcome in outcomes))


def test_no_drift_asks_for_nothing() -> None:
    assert alerts(a_check(10)) == ()


@pytest.mark.parametrize(
    ("monitor", "action"),
    [
        (Monitor.CONCEPT, Action.RETRAIN),
        (Monitor.PREDICTION, Action.INVESTIGATE),
        (Monitor.CONFIDENCE, Action.REVIEW),
    ],
)
def test_each_monitor_has_its_remedy(monitor: Monitor, action: Action) -> None:
    (alert,) = alerts(a_check(10, monitor))
    assert alert == Alert(
        alert_id=alert_id(7, action, day(10)),
        action=action,
        model_version=1,
        at=day(10),
        window_start=day(8),
        reason=f"about {monitor}",
        numbers={f"{monitor}_figure": 1.0},
    )


@pytest.mark.parametrize(
    ("earlier", "alerted"),
    [
        ([], False),
        ([9], False),
        ([8, 9], True),
        ([7, 8, 9], True),
        ([9, 11], False),  # a later check says nothing about the past
    ],
)
def test_data_drift_must_be_found_in_a_row(earlier: list[float], alerted: bool) -> None:
    past = [a_check(at, Monitor.DATA) for at in earlier]
    assert bool(alerts(a_check(10, Monitor.DATA), earlier=past)) is alerted
    assert bool(alerts(a_check(10, Monitor.DATA), earlier=past[::-1])) is alerted


def test_a_calm_check_breaks_the_row() -> None:
    past = [a_check(7, Monitor.DATA), a_check(8, Monitor.DATA), a_check(9)]
    assert alerts(a_check(10, Monitor.DATA), earlier=past) == ()


def test_one_check_may_be_enough() -> None:
    policy = replace(POLICY, checks_in_a_row=1)
    assert actions(alerts(a_check(10, Monitor.DATA), policy=policy)) == [Action.RETRAIN]


def test_data_and_concept_drift_are_one_alert() -> None:
    past = [a_check(at, Monitor.DATA) for at in (8, 9)]
    (alert,) = alerts(a_check(10, Monitor.DATA, Monitor.CONCEPT), earlier=past)
    assert alert.reason == "about data; about concept"
    assert alert.numbers == {"data_figure": 1.0, "concept_figure": 1.0}


def test_every_action_is_asked_for_once() -> None:
    found = alerts(a_check(10, Monitor.CONCEPT, Monitor.PREDICTION, Monitor.CONFIDENCE))
    assert actions(found) == [Action.RETRAIN, Action.INVESTIGATE, Action.REVIEW]
    assert len({alert.alert_id for alert in found}) == 3


@pytest.mark.parametrize("action", [Action.INVESTIGATE, Action.REVIEW, Action.RETRAIN])
def test_the_same_products_never_alert_twice(action: Action) -> None:
    check = a_check(10, Monitor.CONCEPT, Monitor.PREDICTION, Monitor.CONFIDENCE)
    spoken_of = raised(action, check.current.start, True)
    assert action not in actions(alerts(check, raised=[spoken_of]))
    before_them = raised(action, day(7.9), True)
    assert action in actions(alerts(check, raised=[before_them]))
    of_another_version = raised(action, day(9), True, version=2)
    assert action in actions(alerts(check, raised=[of_another_version]))


@pytest.mark.parametrize(
    ("outcomes", "alerted"),
    [
        ((), False),  # nobody claimed it yet
        ((None,), False),  # at work
        ((False, False), False),  # to be tried again
        ((False, True), True),
        ((False, False, False), True),  # given up
    ],
)
def test_one_retraining_at_a_time(outcomes: tuple[bool | None, ...], alerted: bool) -> None:
    past = [raised(Action.RETRAIN, day(2), *outcomes)]
    assert bool(alerts(a_check(10, Monitor.CONCEPT), raised=past)) is alerted


def test_an_alert_to_people_waits_for_nobody() -> None:
    past = [raised(Action.REVIEW, day(2))]
    assert actions(alerts(a_check(10, Monitor.CONFIDENCE), raised=past)) == [Action.REVIEW]


def test_no_retraining_while_its_result_is_tried() -> None:
    found = alerts(a_check(10, Monitor.CONCEPT, Monitor.PREDICTION), on_trial=True)
    assert actions(found) == [Action.INVESTIGATE]
