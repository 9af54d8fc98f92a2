"""The contract of DriftLog."""

from dataclasses import replace

import pytest

from ml.domain.drift import Finding, Monitor
from ml.domain.errors import InvalidInput, NotFound
from tests.examples import a_drift_check, an_alert, day


def test_a_check_comes_back_as_it_was(stores):
    stores.drift_log.record(a_drift_check())
    assert stores.drift_log.get("check-0") == a_drift_check()


def test_numbers_that_json_lacks_survive(stores):
    finding = Finding(Monitor.PREDICTION, True, "é", {"divergence": float("inf")})
    check = a_drift_check(findings=(finding,))
    stores.drift_log.record(check)
    assert stores.drift_log.get(check.check_id) == check


def test_a_check_and_its_alerts_are_stored_once(stores):
    for reason in ("first", "second"):
        alert = an_alert(reason=reason)
        stores.drift_log.record(a_drift_check(report_uri=reason), [alert, alert])
    assert stores.drift_log.get("check-0").report_uri == "first"
    assert [record.alert for record in stores.alerts.history()] == [an_alert(reason="first")]


@pytest.mark.parametrize(
    ("check", "alert", "message"),
    [
        ({"report_uri": "\0"}, {}, "report_uri"),
        ({"findings": (Finding(Monitor.DATA, True, "\0", {}),)}, {}, "findings"),
        ({"as_of": day(0).replace(tzinfo=None)}, {}, "as_of"),
        ({}, {"reason": "\0"}, "reason"),
        ({}, {"window_start": day(0).replace(tzinfo=None)}, "window_start"),
    ],
)
def test_a_bad_check_or_alert_stores_neither(stores, check, alert, message):
    with pytest.raises(InvalidInput, match=message):
        stores.drift_log.record(a_drift_check(**check), [an_alert(1), an_alert(2, **alert)])
    assert stores.drift_log.recent(limit=9) == stores.alerts.history() == []


def test_an_unknown_check_is_not_found(stores):
    with pytest.raises(NotFound, match="'other'"):
        stores.drift_log.get("other")
    with pytest.raises(InvalidInput, match="check_id"):
        stores.drift_log.get("\0")


def test_recent_checks_are_newest_first(stores):
    checks = [replace(a_drift_check(number), model_version=number % 2) for number in range(4)]
    for check in (checks[2], checks[0], checks[3], checks[1]):
        stores.drift_log.record(check)
    assert stores.drift_log.recent(limit=9) == checks[::-1]
    assert stores.drift_log.recent(limit=2) == [checks[3], checks[2]]
    assert stores.drift_log.recent(limit=9, model_version=1) == [checks[3], checks[1]]
    assert stores.drift_log.recent(limit=1, model_version=0) == [checks[2]]
