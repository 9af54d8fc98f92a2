"""Promotions that an engineer is asked about."""

from ml.rollout.decisions import Await, Expire, Promote, held_for_approval

GOOD = Promote("it is less than 1.0% worse", {"labels": 60.0})


def test_an_engineer_who_is_asked_has_until_the_end_of_the_trial() -> None:
    asked = held_for_approval(GOOD, days=29.9, max_days=30)
    assert asked == Await("it is less than 1.0% worse, and waits for approval", GOOD.numbers)
    late = held_for_approval(GOOD, days=30, max_days=30)
    assert isinstance(late, Expire)
    assert late.reason.endswith("30 days brought no approval, and the champion stays")
    assert late.numbers == {"labels": 60.0, "days": 30, "max_days": 30}
