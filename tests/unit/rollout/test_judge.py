"""The judge on planted evidence: each decision with its reason and the numbers behind it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.comparisons import Cohort, Stratum
from ml.domain.rollouts import ComparisonKind
from ml.rollout.decisions import Confirm, Continue, Expire, Ground, Promote, Stop
from ml.rollout.guardrails import Breach
from ml.rollout.judge import JudgePolicy, judge

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = JudgePolicy(
    false_stop_rate=0.025,
    false_promotion_rate=0.05,
    margin=0.01,
    label_error=0.15,
    max_accuracy_drop=0.02,
    max_days=30,
)
TRIAL, WATCH = ComparisonKind.TRIAL, ComparisonKind.WATCH


def cohorts_of(wins: int, losses: int, ties: int = 0, *, times: int = 10, products: int = 1_000):
    """`times` equal cohorts; the models differ on the drawn products and four times as many."""
    drawn = wins + losses + ties
    strata = (Stratum(drawn, wins, ties, losses),)
    return [
        Cohort("trial-1", at, at, START, products, 5 * drawn, strata) for at in range(1, times + 1)
    ]


def decide(cohorts, *, kind=TRIAL, days=5.0, policy=POLICY, breaches=()):
    return judge(
        cohorts,
        breaches,
        policy,
        kind=kind,
        label_probability=0.2,
        days=days,
    )


GOOD = cohorts_of(6, 3, 1)
BAD = cohorts_of(2, 7, 1)
SLIGHTLY_BAD = cohorts_of(3, 6, 1, times=30)
UNCLEAR = cohorts_of(4, 4, 2, times=3)
AGREEING = cohorts_of(0, 0, times=30)


def test_a_better_challenger_is_promoted_and_the_numbers_say_why():
    decision = decide(GOOD)
    assert isinstance(decision, Promote)
    assert decision.reason.startswith("accuracy +1.50% against the baseline (")
    assert decision.reason.endswith("by 100 labels: 60 won, 30 lost: it is less than 1.0% worse")
    numbers = decision.numbers
    assert numbers["difference"] == pytest.approx(0.015)
    assert numbers["disagreement"] == pytest.approx(0.05)
    assert numbers["difference_low"] < 0.015 < numbers["difference_high"]
    assert numbers["log_e_not_worse"] >= 2.9957
    assert numbers["labelled_margin"] == pytest.approx(0.007)
    assert (numbers["labels"], numbers["wins"], numbers["ties"], numbers["losses"]) == (
        100,
        60,
        10,
        30,
    )


def test_one_that_agrees_with_the_champion_needs_no_label():
    decision = decide(AGREEING)
    assert isinstance(decision, Promote)
    assert decision.numbers["labels"] == 0


@given(st.integers(0, 50), st.integers(1, 100_000))
def test_one_that_agrees_is_never_stopped(times, products):
    decision = decide(cohorts_of(0, 0, times=times, products=products))
    assert isinstance(decision, Promote | Continue)


def test_without_a_margin_only_a_better_one_is_promoted():
    strict = replace(POLICY, margin=0.0)
    assert isinstance(decide(AGREEING, policy=strict), Continue)
    promoted = decide(cohorts_of(6, 3, 1, times=15), policy=strict)
    assert isinstance(promoted, Promote)
    assert promoted.reason.endswith("it is better")


def test_worse_by_the_limit_or_more_is_a_rollback_and_within_it_a_rejection():
    rollback, rejected = decide(BAD), decide(SLIGHTLY_BAD)
    assert isinstance(rollback, Stop)
    assert rollback.ground is Ground.ROLLBACK
    assert rollback.reason.endswith("it is worse, by the limit of 2.0% or more")
    assert isinstance(rejected, Stop)
    assert rejected.ground is Ground.REJECTED
    assert rejected.reason.endswith("it is worse, within the limit of 2.0%")
    for stop in (rollback, rejected):
        assert stop.numbers["log_e_worse"] >= 3.6888
        assert stop.numbers["difference_high"] <= 0


@pytest.mark.parametrize("more_losses", range(1, 20))
def test_exactly_the_limit_is_a_rollback_whatever_floats_make_of_it(more_losses):
    """Such as 0.0045 * -1/3, which is more than -0.0015."""
    cohorts = [
        replace(each, disagreements=3 * each.disagreements, products=10_000)
        for each in cohorts_of(1, 1 + more_losses, times=60)
    ]
    policy = replace(POLICY, max_accuracy_drop=15 * more_losses / 10_000)
    decision = decide(cohorts, policy=policy)
    assert isinstance(decision, Stop)
    assert decision.ground is Ground.ROLLBACK


@pytest.mark.parametrize("kind", ComparisonKind)
def test_a_broken_guardrail_stops_even_a_better_one(kind):
    breaches = [Breach("it is slow", {"slow_share": 0.5}), Breach("it fails", {"failure_rise": 1})]
    decision = decide(GOOD, kind=kind, breaches=breaches)
    assert isinstance(decision, Stop)
    assert decision.ground is Ground.GUARDRAIL
    assert decision.reason == "it is slow; it fails"
    assert (decision.numbers["slow_share"], decision.numbers["failure_rise"]) == (0.5, 1)
    assert decision.numbers["labels"] == 100


@pytest.mark.parametrize(
    ("days", "expected"), [(0, Continue), (29.99, Continue), (30, Expire), (400, Expire)]
)
def test_a_trial_that_shows_nothing_ends_some_day(days, expected):
    for cohorts in (UNCLEAR, []):
        decision = decide(cohorts, days=days)
        assert type(decision) is expected
    if expected is Expire:
        assert decision.numbers["days"] == days
        assert decision.reason.endswith(
            f"{days:.0f} days did not tell more, and the champion stays"
        )


def test_what_is_shown_on_the_last_day_counts():
    assert isinstance(decide(GOOD, days=30), Promote)
    assert isinstance(decide(BAD, days=30), Stop)


@pytest.mark.parametrize("cohorts", [GOOD, AGREEING, UNCLEAR, []])
def test_a_watch_goes_on_until_it_is_over_and_never_promotes(cohorts):
    early, late = (decide(cohorts, kind=WATCH, days=days) for days in (13.9, 30))
    assert isinstance(early, Continue)
    assert early.reason.endswith("the watch goes on")
    assert isinstance(late, Confirm)
    assert late.reason.endswith("30 days of watch are over")
    assert late.numbers["max_days"] == 30


def test_a_watched_champion_that_is_worse_is_rolled_back_to_the_end():
    for days in (1, 30, 99):
        decision = decide(BAD, kind=WATCH, days=days)
        assert isinstance(decision, Stop)
        assert decision.ground is Ground.ROLLBACK


@given(st.integers(1, 40), st.integers(0, 10))
def test_models_that_fall_together_are_never_stopped(times, both_wrong):
    """Drift makes more disagreements ties, both wrong: that accuses neither."""
    decision = decide(cohorts_of(2, 2, both_wrong, times=times))
    assert not isinstance(decision, Stop)


@given(st.integers(1, 60), st.floats(0, 400), st.sampled_from(ComparisonKind))
def test_labels_that_are_missing_stop_nobody(times, days, kind):
    silent = [replace(each, strata=(Stratum(10, 0, 0, 0),)) for each in cohorts_of(5, 5, times=1)]
    decision = decide(silent * times, days=days, kind=kind)
    ended = {TRIAL: Expire, WATCH: Confirm}[kind]
    assert type(decision) is (ended if days >= 30 else Continue)
    assert decision.numbers["difference_if_missing_lost"] == pytest.approx(-0.05)
    assert decision.numbers["difference_if_missing_won"] == pytest.approx(0.05)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5), st.integers(1, 20))
def test_a_decision_can_be_read_off_the_bounds_that_are_printed(wins, losses, ties, times):
    decision = decide(cohorts_of(wins, losses, ties, times=times))
    numbers = decision.numbers
    assert isinstance(decision, Stop) == (numbers["difference_high"] <= 0)
    good = numbers["difference_low"] > -numbers["labelled_margin"] - 1e-12
    assert isinstance(decision, Promote) == (good and numbers["difference_high"] > 0)
    assert -1 <= numbers["difference_low"] <= numbers["difference_high"] <= 1


@pytest.mark.parametrize(("error", "margin"), [(0.0, 0.01), (0.15, 0.007), (0.5, 0.0)])
def test_the_margin_shrinks_by_what_wrong_labels_hide(error, margin):
    assert replace(POLICY, label_error=error).labelled_margin == pytest.approx(margin)
