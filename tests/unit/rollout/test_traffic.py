"""Which side answers a product: the stated share, the same side each time, afresh each trial."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Champion, Comparison, ComparisonKind
from ml.rollout.traffic import choose_arm, is_compared

IDS = st.text(min_size=1, max_size=40)
SHARES = st.floats(0.001, 1.0)
MANY = [f"SKU-{number}" for number in range(20_000)]


def trial(share: float, *, entry_id: int = 7) -> Challenger:
    return Challenger(entry_id, 2, "d" * 64, 1, datetime(2026, 1, 1, tzinfo=UTC), share)


def compared(product_ids: Sequence[str], shadow_share: float, *, entry_id: int = 7) -> set[str]:
    challenger = trial(0.05, entry_id=entry_id)
    champion = Champion(1, 1, "a" * 64, 1, challenger.since)
    terms = Comparison(
        ComparisonKind.TRIAL,
        challenger.experiment,
        challenger,
        champion,
        challenger.since,
        shadow_share,
        0.01,
    )
    return {each for each in product_ids if is_compared(each, terms)}


def chosen(product_ids: Sequence[str], challenger: Challenger) -> set[str]:
    return {each for each in product_ids if choose_arm(each, challenger) is Arm.CHALLENGER}


def bounds(share: float, count: int) -> tuple[float, float]:
    """Five standard deviations of a fair draw around its mean."""
    spread = 5 * math.sqrt(count * share * (1 - share))
    return count * share - spread, count * share + spread


@settings(max_examples=30)
@given(st.floats(0.02, 0.98), st.integers(1, 10**9))
def test_the_share_is_met_in_every_trial(share: float, entry_id: int) -> None:
    low, high = bounds(share, 2_000)
    assert low <= len(chosen(MANY[:2_000], trial(share, entry_id=entry_id))) <= high


def test_five_percent_of_many_products_is_five_percent() -> None:
    low, high = bounds(0.05, len(MANY))
    assert low <= len(chosen(MANY, trial(0.05))) <= high


@given(IDS)
def test_without_a_trial_the_champion_answers(product_id: str) -> None:
    assert choose_arm(product_id, None) is Arm.CHAMPION


@given(IDS, st.integers(1, 10**9))
def test_the_whole_share_is_every_product(product_id: str, entry_id: int) -> None:
    assert choose_arm(product_id, trial(1.0, entry_id=entry_id)) is Arm.CHALLENGER


@given(IDS, SHARES)
def test_a_product_stays_on_its_side(product_id: str, share: float) -> None:
    again = Challenger(7, 9, "e" * 64, 3, datetime(2027, 1, 1, tzinfo=UTC), share)
    assert choose_arm(product_id, trial(share)) is choose_arm(product_id, again)


@settings(max_examples=30)
@given(SHARES, SHARES)
def test_a_larger_share_keeps_the_products_of_the_smaller(one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    products = MANY[:500]
    assert chosen(products, trial(smaller)) <= chosen(products, trial(larger))


def test_two_trials_draw_independently() -> None:
    first = chosen(MANY, trial(0.2, entry_id=7))
    second = chosen(sorted(first), trial(0.2, entry_id=8))
    low, high = bounds(0.2, len(first))
    assert low <= len(second) <= high


def test_both_models_score_the_shadow_share_of_either_sides_products() -> None:
    answered = chosen(MANY, trial(0.3))
    for side in (answered, set(MANY) - answered):
        low, high = bounds(0.2, len(side))
        assert low <= len(compared(sorted(side), 0.2)) <= high
    assert compared(MANY, 1.0) == set(MANY)
    assert compared(MANY, 0.0) == set()


def test_a_larger_shadow_share_keeps_products_and_another_comparison_takes_others() -> None:
    first = compared(MANY, 0.2)
    assert first < compared(MANY, 0.4)
    low, high = bounds(0.2, len(first))
    assert low <= len(first & compared(MANY, 0.2, entry_id=8)) <= high
