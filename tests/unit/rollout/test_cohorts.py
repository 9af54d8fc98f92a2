"""Cohorts of a comparison on the shadow log: what closes when, by which labels, and never twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.domain.comparisons import Cohort, ScoredAnswer, Stratum
from ml.domain.labels import LabelSpace
from ml.rollout.cohorts import CohortPolicy, next_cohort
from ml.rollout.evidence import evidence_of
from tests.examples import a_prediction, a_product, a_review_label, a_shadow_score
from tests.fakes.comparisons import InMemoryShadowLog
from tests.fakes.database import InMemoryDatabase
from tests.fakes.labels import InMemoryLabelStore
from tests.fakes.predictions import InMemoryPredictionLog

START = datetime(2026, 1, 1, tzinfo=UTC)
TRIAL = "trial-2"
POLICY = CohortPolicy(draws=4, hours=24, complete=0.75, wait_days=7)


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


class Shop:
    """Products that both models score, an hour apart, and the people who label some of them.

    The candidate says "games" and the baseline "books"; where they agree, both say "pools".
    """

    def __init__(self) -> None:
        database = InMemoryDatabase()
        database.label_spaces[1] = LabelSpace(1, ("books", "games", "pools"))
        self.log = InMemoryShadowLog(database)
        self.labels = InMemoryLabelStore(database)
        self._predictions = InMemoryPredictionLog(database)
        self._products = 0

    def sell(self, kind: str, *, at: float | None = None, reviews: int = 1, **changes) -> int:
        """Score a product: "drawn", "undrawn" (both disagreements) or "agreed"; its number."""
        number = self._products
        self._products += 1
        when = hour(number if at is None else at)
        product = a_product(number)
        self._predictions.append([a_prediction(number, product=product, predicted_at=when)])
        if kind == "agreed":
            changes |= {"candidate": ScoredAnswer("pools", 0.9)}
            changes |= {"baseline": ScoredAnswer("pools", 0.9)}
        score = a_shadow_score(
            number,
            drawn=kind == "drawn",
            reviews=reviews,
            product=product,
            scored_at=when,
            **changes,
        )
        assert self.log.append([score]) == 1
        return number

    def label(self, number: int, category: str, *, at: float, reviewer: str = "ana") -> None:
        given = a_review_label(
            a_prediction(number),
            category=category,
            reviewer=reviewer,
            labelled_at=hour(at),
        )
        self.labels.append([given])

    def close(self, *looks: float, policy: CohortPolicy = POLICY) -> list[Cohort]:
        """Look at these hours, as the judge does: all that can be closed is. All closed ones."""
        for at in looks:
            while True:
                before = self.log.cohorts(TRIAL)
                newest = before[-1] if before else None
                cohort = next_cohort(self.log, TRIAL, newest, policy, as_of=hour(at))
                if cohort is None:
                    break
                assert self.log.close(cohort)
        return self.log.cohorts(TRIAL)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_cohort_ends_with_so_many_drawn_and_counts_all_before_the_last_of_them(shop):
    kinds = ["agreed", "drawn", "undrawn", "drawn", "drawn", "agreed", "drawn", "agreed", "drawn"]
    drawn = [number for number in map(shop.sell, kinds) if kinds[number] == "drawn"]
    for number, category in zip(drawn, ["games", "books", "pools", "games", "books"], strict=True):
        shop.label(number, category, at=20)
    (cohort,) = shop.close(20)
    assert (cohort.number, cohort.products, cohort.disagreements) == (1, 7, 5)
    assert cohort.closed_at == hour(20)
    assert cohort.strata[2] == Stratum(4, 2, 1, 1)
    assert len(cohort.label_ids) == len(set(cohort.label_ids)) == 4


def test_nothing_scored_closes_nothing(shop):
    assert shop.close(0, 1000) == []


def test_it_waits_for_its_labels_and_closes_when_enough_of_them_are_in(shop):
    drawn = [shop.sell("drawn") for _ in range(4)]
    assert shop.close(4, 100) == []
    shop.label(drawn[3], "games", at=101)
    shop.label(drawn[0], "games", at=102)
    assert shop.close(110) == []
    shop.label(drawn[1], "books", at=111)
    assert shop.close(110) == []  # looked at as it was before that label
    (cohort,) = shop.close(111)
    assert cohort.strata[2] == Stratum(4, 2, 0, 1)


def test_after_the_wait_it_closes_with_the_labels_that_came(shop):
    drawn = [shop.sell("drawn") for _ in range(4)]
    shop.label(drawn[1], "games", at=50)
    end = 3 + 7 * 24
    assert shop.close(end - 0.01) == []
    (cohort,) = shop.close(end)
    assert cohort.strata[2] == Stratum(4, 1, 0, 0)


def test_labels_after_closing_change_nothing(shop):
    drawn = [shop.sell("drawn") for _ in range(4)]
    for number in drawn[:3]:
        shop.label(number, "books", at=10)
    before = shop.close(10)
    for number in drawn:
        shop.label(number, "games", at=11, reviewer="late")
    assert shop.close(11, 5000) == before


def test_few_products_make_a_cohort_by_time(shop):
    shop.sell("drawn", at=0)
    shop.sell("agreed", at=24)
    shop.sell("agreed", at=25)
    shop.label(0, "games", at=2)
    assert shop.close(23.9) == []
    (cohort,) = shop.close(24)
    assert (cohort.products, cohort.disagreements) == (2, 1)
    both = shop.close(49)
    assert [each.products for each in both] == [2, 1]
    assert both[1].strata == (Stratum(0, 0, 0, 0),) * 3


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["drawn", "undrawn", "agreed"]), max_size=25),
    st.lists(st.floats(0, 20), min_size=25, max_size=25),
    st.lists(st.floats(0, 1200), max_size=8),
)
def test_who_looks_often_or_with_a_jumping_clock_closes_the_same_cohorts(kinds, pauses, looks):
    """Labels come within the hour, so that only the boundaries are at stake."""
    one, other = Shop(), Shop()
    at = 0.0
    for kind, pause in zip(kinds, pauses, strict=False):
        at += pause
        for shop in (one, other):
            number = shop.sell(kind, at=at)
            if kind == "drawn":
                shop.label(number, "games", at=at)
        other.close(at)
    one.close(5_000)
    other.close(*looks, 5_000)
    cuts = [
        [
            (each.number, each.last_position, each.products, each.strata)
            for each in shop.log.cohorts(TRIAL)
        ]
        for shop in (one, other)
    ]
    assert cuts[0] == cuts[1]
    assert sum(each.products for each in one.log.cohorts(TRIAL)) == len(kinds)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["drawn", "undrawn", "agreed"]), st.floats(0, 30)), max_size=20
    ),
    st.lists(
        st.tuples(
            st.integers(0, 19),
            st.sampled_from(["ana", "ben", "eva"]),
            st.sampled_from(["games", "books", "pools"]),
            st.floats(0, 400),
        ),
        max_size=30,
    ),
    st.lists(st.floats(0, 800), max_size=10),
)
def test_no_product_and_no_label_is_lost_or_counted_twice(products, votes, looks):
    shop, at = Shop(), 0.0
    for kind, pause in products:
        at += pause
        shop.sell(kind, at=at)
    for number, reviewer, category, when in votes:
        if number < len(products):
            shop.label(number, category, at=when, reviewer=reviewer)
    cohorts = shop.close(*looks, 10_000)
    assert [each.number for each in cohorts] == list(range(1, len(cohorts) + 1))
    assert sum(each.products for each in cohorts) == len(products)
    kinds = [kind for kind, _ in products]
    assert sum(each.disagreements for each in cohorts) == len(kinds) - kinds.count("agreed")
    assert sum(s.drawn for each in cohorts for s in each.strata) == kinds.count("drawn")
    ids = [label for each in cohorts for label in each.label_ids]
    assert len(ids) == len(set(ids))
    assert all(s.labelled <= s.drawn <= POLICY.draws for each in cohorts for s in each.strata)
    assert evidence_of(cohorts, probability=0.25).counts.sum() <= len(products)


def test_two_judges_at_once_close_a_cohort_once(shop):
    drawn = [shop.sell("drawn") for _ in range(4)]
    for number in drawn[:3]:
        shop.label(number, "games", at=5)
    first = next_cohort(shop.log, TRIAL, None, POLICY, as_of=hour(5))
    shop.label(drawn[3], "books", at=6)
    second = next_cohort(shop.log, TRIAL, None, POLICY, as_of=hour(6))
    assert first is not None
    assert second is not None
    assert first.strata != second.strata
    assert shop.log.close(first) is True
    assert shop.log.close(second) is False
    assert shop.close(7) == [first]


def test_a_clock_that_went_back_sees_fewer_labels_and_closes_nothing_again(shop):
    drawn = [shop.sell("drawn") for _ in range(8)]
    for number in drawn:
        shop.label(number, "games", at=30)
    before = shop.close(30)
    assert len(before) == 2
    assert shop.close(-100, 3, 29) == before
    assert shop.close(10**6) == before


def test_a_clock_that_went_ahead_loses_no_later_product(shop):
    early = [shop.sell("drawn") for _ in range(2)]
    assert [each.products for each in shop.close(10**5)] == [2]
    later = [shop.sell("drawn") for _ in range(4)]
    for number in (*early, *later):
        shop.label(number, "games", at=20)
    cohorts = shop.close(20)
    assert [each.products for each in cohorts] == [2, 4]
    assert [each.strata[2].wins for each in cohorts] == [0, 4]


@pytest.mark.parametrize(
    ("votes", "settled"),
    [
        ([("ana", "games")], None),
        ([("ana", "games"), ("ana", "games")], None),
        ([("ana", "games"), ("ben", "games")], "win"),
        ([("ana", "games"), ("ben", "books")], None),
        ([("ana", "games"), ("ben", "books"), ("eva", "books")], "loss"),
        ([("ana", "games"), ("ben", "books"), ("eva", "pools")], "tie"),
        ([("ana", "games"), ("ben", "books"), ("ana", "books")], "loss"),
    ],
)
def test_contradicting_labels_are_settled_by_a_third_person(shop, votes, settled):
    number = shop.sell("drawn", reviews=2)
    for at, (reviewer, category) in enumerate(votes, start=1):
        shop.label(number, category, at=at, reviewer=reviewer)
    policy = replace(POLICY, draws=1)
    before = shop.close(100, policy=policy)
    assert len(before) == (settled is not None)
    (cohort,) = shop.close(200, policy=policy)
    counted = [cohort.strata[2].wins, cohort.strata[2].ties, cohort.strata[2].losses]
    assert counted == [settled == "win", settled == "tie", settled == "loss"]
    assert len(cohort.label_ids) == len(votes)


@pytest.mark.parametrize(
    ("confidences", "stratum"),
    [((0.1, 0.2), 0), ((0.4, 0.6), 1), ((0.7, 0.8), 1), ((0.7, 0.9), 2), ((1.0, 1.0), 2)],
)
def test_strata_are_by_the_mean_confidence_of_both_models(shop, confidences, stratum):
    ours, theirs = confidences
    answers = {"candidate": ScoredAnswer("games", ours), "baseline": ScoredAnswer("books", theirs)}
    shop.sell("drawn", **answers)
    (cohort,) = shop.close(200)
    assert [each.drawn for each in cohort.strata] == [int(at == stratum) for at in range(3)]


def test_a_model_without_an_answer_is_never_right(shop):
    for _ in range(2):
        number = shop.sell("drawn", candidate=ScoredAnswer(None, 0.0))
        shop.label(number, "games", at=2)
    shop.label(shop.sell("drawn", candidate=ScoredAnswer(None, 0.0)), "books", at=3)
    (cohort,) = shop.close(100)
    assert sum(each.wins for each in cohort.strata) == 0
    assert sum(each.losses for each in cohort.strata) == 1


def test_another_comparison_is_none_of_its_business(shop):
    shop.sell("drawn", experiment="watch-1")
    for _ in range(4):
        shop.label(shop.sell("drawn"), "games", at=4)
    (cohort,) = shop.close(4)
    assert (cohort.experiment, cohort.products) == (TRIAL, 4)
