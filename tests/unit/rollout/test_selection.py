import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.predictions import ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.rollout.selection import SelectionPolicy, plan_selection, select_for_review

PRODUCTS = 20_000
LISTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def policy(*, low: float = 0.3, audit: float = 0.05, seed: int = 42) -> SelectionPolicy:
    return SelectionPolicy(
        confidence_threshold=0.8, low_confidence_probability=low, audit_probability=audit, seed=seed
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


@given(
    capacity_per_day=st.floats(0, 1e6),
    products_per_day=st.floats(1, 1e6),
    low_confidence_share=st.floats(0, 1),
    audit_share=st.floats(0, 1),
)
def test_the_expected_queue_never_exceeds_capacity_and_audit(
    capacity_per_day: float,
    products_per_day: float,
    low_confidence_share: float,
    audit_share: float,
) -> None:
    made = plan(
        capacity_per_day=capacity_per_day,
        products_per_day=products_per_day,
        low_confidence_share=low_confidence_share,
        audit_share=audit_share,
    )
    assert 0 <= made.low_confidence_probability <= 1
    audited = products_per_day * audit_share
    doubtful = products_per_day * low_confidence_share * made.low_confidence_probability
    assert audited + doubtful <= max(capacity_per_day, audited) * (1 + 1e-9)


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
