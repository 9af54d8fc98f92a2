"""The contract of AlertOutbox: one claimant at a time works on an alert, until it is done."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ml.domain.drift import Action, AlertRecord, Attempt
from ml.domain.errors import InvalidInput, NotFound
from tests.examples import a_drift_check, an_alert

RAN_OUT = "its lease ran out"


@pytest.fixture
def outbox(stores):
    return stores.alerts


@pytest.fixture
def alert(stores):
    """One that waits."""
    stores.drift_log.record(a_drift_check(), [an_alert()])
    return an_alert()


def claim(outbox, claimant, *, action=Action.RETRAIN, seconds=60.0, max_attempts=3):
    return outbox.claim(action, claimant=claimant, lease_seconds=seconds, max_attempts=max_attempts)


def settle(outbox, claimant, *, alert_id="alert-0", succeeded=True, detail="", raises=()):
    return outbox.settle(
        alert_id, claimant=claimant, succeeded=succeeded, detail=detail, raises=raises
    )


def attempts(outbox):
    (record,) = outbox.history()
    return list(record.attempts)


def test_an_empty_outbox_has_nothing_to_do(outbox):
    assert claim(outbox, "a") is None
    assert outbox.history() == []


def test_an_alert_is_put_once(outbox):
    outbox.put([an_alert()])
    outbox.put([replace(an_alert(), reason="told again")])
    assert outbox.history() == [AlertRecord(an_alert(), ())]
    assert claim(outbox, "a") == an_alert()


def test_alerts_are_put_all_or_none(outbox):
    unstorable = replace(an_alert(), alert_id="other", reason="a\x00b")
    with pytest.raises(InvalidInput):
        outbox.put([an_alert(), unstorable])
    assert outbox.history() == []


def test_an_alert_is_done_once_it_succeeded(outbox, alert):
    assert outbox.history() == [AlertRecord(alert, ())]
    assert claim(outbox, "a") == alert
    assert attempts(outbox) == [Attempt("a", None, "")]
    assert settle(outbox, "a", detail="version 2")
    assert attempts(outbox) == [Attempt("a", True, "version 2")]
    assert claim(outbox, "b") is None


def test_one_claimant_at_a_time_works_on_an_alert(outbox, alert):
    assert claim(outbox, "a") == alert
    assert claim(outbox, "b") is None


def test_the_oldest_comes_first_of_the_action_that_is_asked_for(stores, outbox):
    wanted = [an_alert(number) for number in (1, 2)]
    other = an_alert(0, action=Action.REVIEW)
    stores.drift_log.record(a_drift_check(), [wanted[1], other, wanted[0]])
    assert [claim(outbox, name) for name in ("a", "b", "c")] == [*wanted, None]
    assert claim(outbox, "d", action=Action.REVIEW) == other
    assert [record.alert for record in outbox.history()] == [other, *wanted]


def test_a_claimant_that_asks_again_gets_its_alert_again(stores, outbox):
    stores.drift_log.record(a_drift_check(), [an_alert(number) for number in range(2)])
    assert [claim(outbox, "a") for _ in range(3)] == [an_alert(0)] * 3
    assert [len(record.attempts) for record in outbox.history()] == [1, 0]


def test_asking_again_renews_the_lease(outbox, alert):
    claim(outbox, "a", seconds=60)
    claim(outbox, "a", seconds=0)
    assert attempts(outbox) == [Attempt("a", False, RAN_OUT)]


def test_a_claimant_that_has_settled_gets_nothing(stores, outbox, alert):
    claim(outbox, "a")
    settle(outbox, "a", succeeded=False)
    assert claim(outbox, "a") is None
    assert claim(outbox, "b") == alert


def test_a_failed_alert_is_tried_so_often_and_no_more(outbox, alert):
    for claimant in ("a", "b"):
        assert claim(outbox, claimant, max_attempts=2) == alert
        assert settle(outbox, claimant, succeeded=False, detail="no memory")
    assert claim(outbox, "c", max_attempts=2) is None
    assert attempts(outbox) == [Attempt(name, False, "no memory") for name in ("a", "b")]
    assert claim(outbox, "c", max_attempts=3) == alert


def test_a_lease_that_ran_out_is_a_failed_attempt(outbox, alert):
    assert claim(outbox, "a", seconds=0, max_attempts=2) == alert
    assert claim(outbox, "a", seconds=0, max_attempts=2) == alert
    assert claim(outbox, "b", max_attempts=2) is None
    assert attempts(outbox) == [Attempt("a", False, RAN_OUT)] * 2


def test_who_is_late_alone_may_still_settle(outbox, alert):
    claim(outbox, "a", seconds=0)
    assert settle(outbox, "a", detail="slow but sure")
    assert attempts(outbox) == [Attempt("a", True, "slow but sure")]
    assert claim(outbox, "b") is None


@pytest.mark.parametrize("other_succeeded", [True, False, None])
def test_who_is_late_changes_nothing_once_another_has_begun(outbox, alert, other_succeeded):
    claim(outbox, "a", seconds=0)
    claim(outbox, "b")
    if other_succeeded is not None:
        settle(outbox, "b", succeeded=other_succeeded)
    before = outbox.history()
    assert not settle(outbox, "a", detail="too late", raises=[an_alert(1)])
    assert outbox.history() == before
    assert attempts(outbox) == [Attempt("a", False, RAN_OUT), Attempt("b", other_succeeded, "")]


def test_settling_again_changes_nothing(outbox, alert):
    claim(outbox, "a")
    assert settle(outbox, "a", succeeded=False, detail="first")
    assert not settle(outbox, "a", succeeded=True, detail="second", raises=[an_alert(1)])
    assert attempts(outbox) == [Attempt("a", False, "first")]


def test_a_settlement_raises_further_alerts(outbox, alert):
    repair = an_alert(1, action=Action.REPAIR)
    claim(outbox, "a")
    assert settle(outbox, "a", succeeded=False, raises=[repair, repair])
    assert [record.alert for record in outbox.history()] == [alert, repair]
    assert claim(outbox, "b", action=Action.REPAIR) == repair


def test_a_settlement_with_a_bad_alert_is_none(outbox, alert):
    claim(outbox, "a")
    with pytest.raises(InvalidInput, match="reason"):
        settle(outbox, "a", raises=[an_alert(1), an_alert(2, reason="\0")])
    assert attempts(outbox) == [Attempt("a", None, "")]


@pytest.mark.parametrize(("alert_id", "claimant"), [("alert-0", "b"), ("alert-9", "a")])
def test_what_was_never_claimed_can_not_be_settled(outbox, alert, alert_id, claimant):
    claim(outbox, "a")
    with pytest.raises(NotFound, match=f"'{claimant}' never claimed alert '{alert_id}'"):
        settle(outbox, claimant, alert_id=alert_id)


@pytest.mark.parametrize("field", ["claimant", "detail", "alert_id"])
def test_a_nul_byte_is_refused(outbox, alert, field):
    claim(outbox, "a")
    with pytest.raises(InvalidInput, match=field):
        settle(outbox, **{"claimant": "a", field: "a\0"})
    with pytest.raises(InvalidInput, match="claimant"):
        claim(outbox, "\0")


def test_numbers_that_json_lacks_survive(stores, outbox):
    alert = an_alert(numbers={"divergence": float("inf"), "limit": 0.1})
    stores.drift_log.record(a_drift_check(), [alert])
    assert claim(outbox, "a") == alert


def test_of_a_hundred_claimants_at_once_one_works_on_the_alert(outbox, alert):
    with ThreadPoolExecutor(10) as pool:
        given = list(pool.map(lambda number: claim(outbox, f"run-{number}"), range(100)))
    assert [each for each in given if each] == [alert]
    holder = f"run-{given.index(alert)}"
    assert attempts(outbox) == [Attempt(holder, None, "")]

    with ThreadPoolExecutor(10) as pool:
        ends = list(pool.map(lambda _: settle(outbox, holder), range(20)))
    assert sum(ends) == 1


def test_each_alert_succeeds_at_most_once_however_leases_and_failures_fall(stores, outbox):
    """Claimants race over three alerts; every third lease has run out when its claimant settles."""
    stores.drift_log.record(a_drift_check(), [an_alert(number) for number in range(3)])

    def work(number):
        taken = claim(outbox, f"run-{number}", seconds=60 * (number % 3), max_attempts=50)
        if taken:
            settle(outbox, f"run-{number}", alert_id=taken.alert_id, succeeded=number % 2 == 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    for record in outbox.history():
        assert [attempt.succeeded for attempt in record.attempts].count(True) == 1
        assert record.settled
        assert all(attempt.succeeded is not None for attempt in record.attempts)


def test_an_alert_raised_twice_stays_as_it_was(stores, outbox, alert):
    claim(outbox, "a")
    settle(outbox, "a")
    again = replace(alert, reason="changed")
    stores.drift_log.record(a_drift_check(check_id="other"), [again])
    assert outbox.history() == [AlertRecord(alert, (Attempt("a", True, ""),))]
