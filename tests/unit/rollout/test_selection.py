import dataclasses
import itertools
import math
import random
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.domain.rollouts import Challenger, Champion, Comparison, ComparisonKind
from ml.rollout.selection import (
    SelectionPolicy,
    inclusion_of,
    plan_selection,
    select_for_review,
    toss_disagreement,
    union_of,
)

PRODUCTS = 20_000
LISTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def policy(
    *, low: float = 0.3, audit: float = 0.05, second: float = 0.1, seed: int = 42
) -> SelectionPolicy:
    return SelectionPolicy(
        confidence_threshold=0.8,
        low_confidence_probability=low,
        audit_probability=audit,
        second_review_share=second,
        seed=seed,
    )


def draw(
    product_id: str,
    confidence: float,
    coins: SelectionPolicy | None = None,
    *,
    title: str = "a title",
    prediction_id: str = "prediction",
) -> tuple[ReviewSelection, ...]:
    product = Product(product_id, title, "", None, LISTED_AT)
    return select_for_review(prediction_id, product, confidence, coins or policy())


def plan(**changes: float) -> SelectionPolicy:
    usual = {
        "confidence_threshold": 0.8,
        "capacity_per_day": 500.0,
        "products_per_day": 5_000.0,
        "low_confidence_share": 0.2,
        "audit_share": 0.01,
        "disagreements_per_day": 0.0,
        "second_review_share": 0.0,
        "seed": 42,
    }
    return plan_selection(**{**usual, **changes})  # type: ignore[arg-type]  # a test's shorthand


def rate_within(drawn: int, of: int, probability: float) -> bool:
    """Five standard errors: a seeded test that would notice a coin wrong by a tenth."""
    return abs(drawn / of - probability) < 5 * math.sqrt(probability * (1 - probability) / of)


def test_the_audit_is_paid_for_by_the_capacity() -> None:
    assert plan().low_confidence_probability == pytest.approx((500 - 50) / 1_000)
    assert plan().audit_probability == 0.01


def test_no_capacity_leaves_only_the_audit_floor() -> None:
    assert plan(capacity_per_day=0).low_confidence_probability == 0
    assert plan(capacity_per_day=30).low_confidence_probability == 0
    assert plan(capacity_per_day=0).audit_probability == 0.01


def test_ample_capacity_reviews_every_doubtful_product() -> None:
    assert plan(capacity_per_day=5_000).low_confidence_probability == 1
    assert plan(low_confidence_share=0).low_confidence_probability == 1
    assert plan(low_confidence_share=0, capacity_per_day=0).low_confidence_probability == 0


def test_a_comparisons_reviews_come_after_the_audit_and_before_doubtful_products() -> None:
    assert plan(disagreements_per_day=100).low_confidence_probability == pytest.approx(0.35)
    starved = plan(capacity_per_day=120, disagreements_per_day=100)
    assert (starved.audit_probability, starved.low_confidence_probability) == (0.01, 0)


def test_a_second_review_costs_as_much_as_the_first() -> None:
    made = plan(second_review_share=0.25, disagreements_per_day=100)
    audits, doubtful = 50 * 1.25, 1_000 * made.low_confidence_probability * 1.25
    assert audits + 100 + doubtful == pytest.approx(500)


@given(
    capacity_per_day=st.floats(0, 1e6),
    products_per_day=st.floats(1, 1e6),
    low_confidence_share=st.floats(0, 1),
    audit_share=st.floats(0, 1),
    disagreements_per_day=st.floats(0, 1e6),
    second_review_share=st.floats(0, 1),
)
def test_the_expected_queue_never_exceeds_capacity_or_what_comes_first(
    capacity_per_day: float,
    products_per_day: float,
    low_confidence_share: float,
    audit_share: float,
    disagreements_per_day: float,
    second_review_share: float,
) -> None:
    made = plan(
        capacity_per_day=capacity_per_day,
        products_per_day=products_per_day,
        low_confidence_share=low_confidence_share,
        audit_share=audit_share,
        disagreements_per_day=disagreements_per_day,
        second_review_share=second_review_share,
    )
    assert 0 <= made.low_confidence_probability <= 1
    reviews = 1 + second_review_share
    first = products_per_day * audit_share * reviews + disagreements_per_day
    doubtful = products_per_day * low_confidence_share * made.low_confidence_probability * reviews
    assert first + doubtful <= max(capacity_per_day, first) * (1 + 1e-9)


def test_coins_come_up_at_their_rates_and_independently() -> None:
    drawn = [draw(f"p{i}", 0.5) for i in range(PRODUCTS)]
    reasons = [{selection.reason for selection in selections} for selections in drawn]
    low = sum(SelectionReason.LOW_CONFIDENCE in found for found in reasons)
    audit = sum(SelectionReason.AUDIT in found for found in reasons)
    both = sum(len(found) == 2 for found in reasons)
    assert rate_within(low, PRODUCTS, 0.3)
    assert rate_within(audit, PRODUCTS, 0.05)
    assert rate_within(both, PRODUCTS, 0.3 * 0.05)


def test_a_confident_product_faces_the_audit_coin_alone() -> None:
    drawn = [draw(f"p{i}", 0.8) for i in range(PRODUCTS)]
    chosen = [selections for selections in drawn if selections]
    assert rate_within(len(chosen), PRODUCTS, 0.05)
    assert {s.reason for selections in chosen for s in selections} == {SelectionReason.AUDIT}
    assert all(s.inclusion_probability == pytest.approx(0.05) for (s,) in chosen)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.text(min_size=1, max_size=40))
def test_a_draw_is_reproducible_and_states_the_union(
    low: float, audit: float, confidence: float, product_id: str
) -> None:
    coins = policy(low=low, audit=audit)
    selections = draw(product_id, confidence, coins)
    assert selections == draw(product_id, confidence, coins)
    faced = [audit, low] if confidence < 0.8 else [audit]
    union = 1 - math.prod(1 - p for p in faced)
    for selection in selections:
        assert selection.inclusion_probability == pytest.approx(union)
        assert 0 < selection.probability <= selection.inclusion_probability <= 1


def test_a_product_served_again_faces_the_same_coins_and_an_edited_one_new_ones() -> None:
    """Else what is shown often would be drawn more often than its probability says."""
    served = {
        i
        for i in range(2_000)
        for showing in range(5)
        if draw(f"p{i}", 0.9, prediction_id=f"{i}-{showing}")
    }
    assert served == {i for i in range(2_000) if draw(f"p{i}", 0.9)}
    assert rate_within(len(served), 2_000, 0.05)
    assert served != {i for i in range(2_000) if draw(f"p{i}", 0.9, title="another title")}


def test_another_seed_draws_other_products() -> None:
    def chosen(seed: int) -> set[int]:
        return {i for i in range(500) if draw(f"p{i}", 0.5, policy(seed=seed))}

    assert chosen(1) != chosen(2)


def estimates(rng: random.Random, run: int) -> tuple[float, float, float]:
    """True, weighted and naive accuracy of a model that errs more where it is less confident."""
    weighted_right = weight = naive_right = drawn = truth = 0.0
    count = 4_000
    for i in range(count):
        confidence = rng.betavariate(5, 1)
        right = rng.random() < confidence
        truth += right
        selections = draw(f"{run}-{i}", confidence)
        if selections:
            share = 1 / selections[0].inclusion_probability
            weighted_right += share * right
            weight += share
            naive_right += right
            drawn += 1
    return truth / count, weighted_right / weight, naive_right / drawn


def test_the_weighted_accuracy_of_the_queue_is_unbiased_where_the_naive_one_is_not() -> None:
    rng = random.Random(7)
    runs = [estimates(rng, run) for run in range(25)]
    weighted_error = sum(weighted - truth for truth, weighted, _ in runs) / len(runs)
    naive_error = sum(naive - truth for truth, _, naive in runs) / len(runs)
    spread = math.sqrt(sum((w - t) ** 2 for t, w, _ in runs) / len(runs) / len(runs))
    assert abs(weighted_error) < 4 * spread
    assert abs(weighted_error) < 0.01
    assert naive_error < -0.05


def comparison(probability: float = 0.3, experiment: str = "trial-7") -> Comparison:
    champion = Champion(1, 1, "a" * 64, 1, LISTED_AT)
    challenger = Challenger(7, 2, "b" * 64, 1, LISTED_AT, 0.5, 1.0, probability)
    return Comparison(
        ComparisonKind.TRIAL, experiment, challenger, champion, LISTED_AT, 1.0, probability
    )


def answered(
    product_id: str,
    confidence: float = 0.9,
    *,
    arm: Arm = Arm.CHAMPION,
    coins: SelectionPolicy | None = None,
    category: str = "books",
) -> Prediction:
    product = Product(product_id, "a title", "", None, LISTED_AT)
    drawn = select_for_review("prediction", product, confidence, coins or policy())
    return Prediction(
        prediction_id="prediction",
        product=product,
        model_version=1,
        arm=arm,
        label_space_version=1,
        probabilities=(confidence, 1 - confidence),
        category=category,
        confidence=confidence,
        predicted_at=LISTED_AT,
        selections=drawn,
    )


def scored(
    prediction: Prediction, terms: Comparison, coins: SelectionPolicy, *, differs: bool = True
) -> ShadowScore:
    """What the shadow log keeps of a prediction of the champion."""
    ours = ScoredAnswer(prediction.category, prediction.confidence)
    theirs = ScoredAnswer("shoes" if differs else prediction.category, 0.6)
    drawn = toss_disagreement(prediction, terms, coins) if differs else None
    return ShadowScore(
        terms.experiment,
        prediction.prediction_id,
        prediction.product,
        LISTED_AT,
        theirs,
        ours,
        terms.label_probability,
        drawn,
    )


def test_the_disagreement_coin_comes_up_at_its_rate_and_independently_of_the_others() -> None:
    drawn = [toss_disagreement(answered(f"p{i}", 0.5), comparison(), policy()) for i in range(9999)]
    others = [{one.reason for one in answered(f"p{i}", 0.5).selections} for i in range(9999)]
    came_up = sum(each is not None for each in drawn)
    assert rate_within(came_up, 9999, 0.3)
    for reason in (SelectionReason.AUDIT, SelectionReason.LOW_CONFIDENCE):
        among = [each for each, found in zip(drawn, others, strict=True) if reason in found]
        assert rate_within(sum(each is not None for each in among), len(among), 0.3)


@given(
    st.text(min_size=1, max_size=40),
    st.lists(st.tuples(st.sampled_from(Arm), st.floats(0, 1), st.text(max_size=9)), min_size=2),
)
def test_the_disagreement_coin_is_blind_to_arm_confidence_and_outcome(
    product_id: str, answers: list[tuple[Arm, float, str]]
) -> None:
    tosses = {
        toss_disagreement(
            answered(product_id, confidence, arm=arm, category=category), comparison(), policy()
        )
        is None
        for arm, confidence, category in answers
    }
    assert len(tosses) == 1


def test_each_comparison_tosses_anew() -> None:
    def drawn(experiment: str) -> set[int]:
        terms = comparison(experiment=experiment)
        return {i for i in range(500) if toss_disagreement(answered(f"p{i}"), terms, policy())}

    assert drawn("trial-7") == drawn("trial-7") != drawn("trial-8")


@pytest.mark.parametrize(("confidence", "faced"), [(0.5, [0.05, 0.3, 0.2]), (0.9, [0.05, 0.2])])
def test_a_drawn_disagreement_states_the_union_of_all_coins(
    confidence: float, faced: list[float]
) -> None:
    terms = comparison(0.2)
    drawn = [toss_disagreement(answered(f"p{i}", confidence), terms, policy()) for i in range(200)]
    for selection in filter(None, drawn):
        assert selection.probability == 0.2
        assert selection.inclusion_probability == pytest.approx(
            1 - math.prod(1 - probability for probability in faced)
        )
    assert any(drawn)


def test_all_selections_of_a_product_agree_on_who_is_asked_twice() -> None:
    coins, terms = policy(low=1.0, audit=1.0, second=0.3), comparison(1.0)
    asked = []
    for i in range(3_000):
        prediction = answered(f"p{i}", 0.5, coins=coins)
        selections = [*prediction.selections, toss_disagreement(prediction, terms, coins)]
        (reviews,) = {each.reviews for each in selections if each}
        assert len(selections) == 3
        asked.append(reviews)
    assert set(asked) == {1, 2}
    assert rate_within(asked.count(2), len(asked), 0.3)


@given(st.lists(st.floats(0, 1), max_size=5))
def test_the_union_is_a_probability_over_each_coin(coins: list[float]) -> None:
    union = union_of(coins)
    assert max(coins, default=0.0) <= union <= 1
    exact = 1 - math.prod(1 - Fraction(coin) for coin in coins)
    assert union == pytest.approx(float(exact), abs=1e-12)


def test_a_product_that_no_coin_chose_has_no_known_probability() -> None:
    coins = policy(low=0.0, audit=0.0)
    prediction = answered("p1", coins=coins)
    never = comparison(1e-12)
    assert inclusion_of(prediction, None) == 0
    assert inclusion_of(prediction, scored(prediction, never, coins)) == 0


def test_a_label_by_audit_counts_the_disagreement_coin_where_the_models_differ() -> None:
    coins, terms = policy(audit=0.4), comparison(0.2)
    audited = [answered(f"p{i}", coins=coins) for i in range(200)]
    for prediction in filter(lambda each: each.selections, audited):
        assert inclusion_of(prediction, None) == pytest.approx(0.4)
        agreed = scored(prediction, terms, coins, differs=False)
        assert inclusion_of(prediction, agreed) == pytest.approx(0.4)
        differing = scored(prediction, terms, coins)
        assert inclusion_of(prediction, differing) == pytest.approx(1 - 0.6 * 0.8)


PROBABILITIES = st.floats(0.02, 1.0)


@given(
    audit=PROBABILITIES,
    low=PROBABILITIES,
    disagreement=PROBABILITIES,
    doubtful=st.booleans(),
    differs=st.booleans(),
)
def test_over_all_ways_the_coins_can_fall_a_product_weighs_exactly_one(
    audit: float, low: float, disagreement: float, doubtful: bool, differs: bool
) -> None:
    """Horvitz and Thompson: by enumeration, the expected weight of every kind of product is 1."""
    coins, terms = policy(low=low, audit=audit), comparison(disagreement)
    prediction = answered("p1", 0.5 if doubtful else 0.9, coins=policy(low=0.0, audit=0.0))
    faced = {SelectionReason.AUDIT: audit}
    if doubtful:
        faced[SelectionReason.LOW_CONFIDENCE] = low
    serving = union_of(faced.values())
    union = union_of([serving, disagreement]) if differs else serving
    expected = 0.0
    for fallen in itertools.product([False, True], repeat=len(faced) + differs):
        chances = [*faced.values(), disagreement] if differs else [*faced.values()]
        odds = math.prod(c if up else 1 - c for c, up in zip(chances, fallen, strict=True))
        rows = tuple(
            ReviewSelection("prediction", reason, chance, serving)
            for (reason, chance), up in zip(faced.items(), fallen, strict=False)
            if up
        )
        drawn = None
        if differs and fallen[-1]:
            reason = SelectionReason.DISAGREEMENT
            drawn = ReviewSelection("prediction", reason, disagreement, union)
        score = scored(prediction, terms, coins, differs=differs)
        inclusion = inclusion_of(
            dataclasses.replace(prediction, selections=rows),
            dataclasses.replace(score, selection=drawn),
        )
        assert (inclusion > 0) == any(fallen)
        if odds and inclusion:
            expected += odds / inclusion
    assert expected == pytest.approx(1.0)


def test_accuracy_during_a_comparison_is_unbiased_where_its_labels_alone_are_not() -> None:
    """The champion is wrong where the models differ far more often than elsewhere."""
    rng = random.Random(11)
    coins, terms = policy(), comparison(0.5)
    errors, naive_errors = [], []
    for run in range(25):
        truth = weight = right_weight = drawn = naive = 0.0
        for i in range(2_000):
            confidence = rng.betavariate(5, 1)
            differs = rng.random() < 0.2
            right = rng.random() < (0.4 if differs else confidence)
            truth += right / 2_000
            prediction = answered(f"{run}-{i}", confidence, coins=coins)
            score = scored(prediction, terms, coins, differs=differs)
            inclusion = inclusion_of(prediction, score)
            if inclusion:
                weight += 1 / inclusion
                right_weight += right / inclusion
                drawn += 1
                naive += right
        errors.append(right_weight / weight - truth)
        naive_errors.append(naive / drawn - truth)
    mean = sum(errors) / len(errors)
    assert abs(mean) < 4 * math.sqrt(sum(each * each for each in errors)) / len(errors)
    assert abs(mean) < 0.015
    assert sum(naive_errors) / len(naive_errors) < -0.05
