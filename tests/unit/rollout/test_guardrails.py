"""Guardrails on planted faults: each is caught, and none cries out over what is as it should be."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from ml.domain.comparisons import ClassTally, ShadowTally
from ml.rollout.guardrails import GuardrailPolicy, breaches

POLICY = GuardrailPolicy(
    alpha=0.015 / 8,
    max_failure_rise=0.005,
    max_unsure_rise=0.05,
    min_class_share=0.2,
    max_p95_ms=1_000,
)
EQUAL = ShadowTally(
    products=5_000,
    candidate_only_failed=3,
    baseline_only_failed=2,
    candidate_only_unsure=200,
    baseline_only_unsure=190,
    candidate_timed=250,
    candidate_slow=5,
    baseline_timed=4_750,
    baseline_slow=100,
    classes={
        "books": ClassTally(2_700, 150, 140),
        "games": ClassTally(1_900, 120, 130),
        "pools": ClassTally(30, 60, 60),
    },
)


def found(tally: ShadowTally, **numbers: object) -> list[str]:
    """The reasons for which the tally, so changed, is a breach."""
    return [breach.reason for breach in breaches(replace(tally, **numbers), POLICY)]


@pytest.mark.parametrize("tally", [ShadowTally(), EQUAL])
def test_nothing_and_nothing_unusual_is_no_breach(tally):
    assert found(tally) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"candidate_only_failed": 102},
            "it can't answer 2.0% more of the products (allowed 0.5%)",
        ),
        (
            {"candidate_only_unsure": 690},
            "it is unsure of 10.0% more of the products (allowed 5.0%)",
        ),
        ({"candidate_slow": 50}, "20.0% of its answers take more than 1000 ms (allowed 5%)"),
        (
            {"classes": {**EQUAL.classes, "games": ClassTally(100, 0, 1_930)}},
            "it names 'games' 100 times, the baseline 2030 times",
        ),
    ],
)
def test_each_planted_fault_is_found_alone_and_says_what_it_is(changes, reason):
    assert found(EQUAL, **changes) == [reason]


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate_only_failed": 27},  # the limits are there to be used
        {"candidate_only_unsure": 440},
        {"candidate_slow": 12},
        {"classes": {**EQUAL.classes, "games": ClassTally(406, 0, 1_624)}},
        {"baseline_only_failed": 5_000, "candidate_only_failed": 0},  # better is no breach
        {"baseline_only_unsure": 4_000, "candidate_only_unsure": 0},
        {"candidate_slow": 0},
        {"classes": {**EQUAL.classes, "new": ClassTally(0, 900, 0)}},
    ],
)
def test_what_stays_within_its_limit_is_none(changes):
    assert found(EQUAL, **changes) == []


def test_all_faults_at_once_are_all_named_with_their_numbers():
    worst = replace(
        EQUAL,
        candidate_only_failed=500,
        candidate_only_unsure=2_000,
        candidate_slow=250,
        classes={"books": ClassTally(0, 5_000, 0), "games": ClassTally(0, 0, 5_000)},
    )
    numbers = [breach.numbers for breach in breaches(worst, POLICY)]
    assert [name for each in numbers for name in each] == [
        "failure_rise",
        "slow_share",
        "unsure_rise",
        "collapsed_candidate",
        "collapsed_baseline",
    ]
    assert numbers[0]["failure_rise"] == pytest.approx(498 / 5_000)
    assert numbers[3] == {"collapsed_candidate": 0, "collapsed_baseline": 5_000}


@pytest.mark.parametrize("baseline", [{"baseline_slow": 900}, {"baseline_timed": 0}])
def test_a_machine_that_is_slow_for_both_accuses_nobody(baseline):
    """Nor does one on which the baseline was never timed, as while its successor is watched."""
    slow = {"candidate_slow": 100, "baseline_slow": 0}
    assert found(EQUAL, **slow) != []
    assert found(EQUAL, **(slow | baseline)) == []


def test_a_category_that_collapses_is_found_among_many():
    classes = {f"class {at}": ClassTally(180, 10, 10) for at in range(26)}
    gone = found(EQUAL, classes=classes | {"gone": ClassTally(0, 0, 150)})
    assert gone == ["it names 'gone' 0 times, the baseline 150 times"]
    assert found(EQUAL, classes=classes | {"rare": ClassTally(0, 0, 10)}) == []


def share_at_most(hits: list[bool]) -> float:
    """Upper end of the Clopper-Pearson interval of a share, one-sided 95 %."""
    return binomtest(sum(hits), len(hits), alternative="less").proportion_ci(0.95).high


def looks(rng: np.random.Generator, chances: list[float]) -> np.ndarray:
    """Counts of outcomes with these chances after 100, 200, ... 1,000 products, [10, len]."""
    return np.cumsum(rng.multinomial(100, chances, 10), axis=0)


# What a candidate shows that is exactly at a limit: how often each outcome comes.
AT_A_LIMIT = {
    "failures": (
        [0.015, 0.01, 0.975],
        lambda more, fewer, _: ShadowTally(
            1, candidate_only_failed=more, baseline_only_failed=fewer
        ),
    ),
    "unsure answers": (
        [0.15, 0.10, 0.75],
        lambda more, fewer, _: ShadowTally(
            1, candidate_only_unsure=more, baseline_only_unsure=fewer
        ),
    ),
    "slow answers": (
        [0.05, 0.95],
        lambda slow, fast: ShadowTally(
            1, candidate_timed=slow + fast, candidate_slow=slow, baseline_timed=1_000
        ),
    ),
    "a category": (
        [0.04, 0.16, 0.8],
        lambda both, theirs, _: ShadowTally(1, classes={"books": ClassTally(both, 0, theirs)}),
    ),
}


@pytest.mark.parametrize(("chances", "tally"), AT_A_LIMIT.values(), ids=AT_A_LIMIT)
def test_a_candidate_at_the_limit_is_stopped_in_at_most_alpha_of_the_rollouts(chances, tally):
    rng, policy = np.random.default_rng(7), replace(POLICY, alpha=0.1)
    stopped = [
        any(
            breaches(replace(tally(*counts), products=sum(counts)), policy)
            for counts in looks(rng, chances).tolist()
        )
        for _ in range(300)
    ]
    assert share_at_most(stopped) <= 0.1


def test_equal_models_are_stopped_by_no_guardrail():
    rng = np.random.default_rng(8)
    shares = rng.dirichlet(np.full(27, 0.7))
    for _ in range(40):
        for at, (differ, unsure, slow) in enumerate(
            zip(*(looks(rng, [p, p, 1 - 2 * p])[1::2] for p in (0.05, 0.1, 0.02)), strict=True)
        ):
            products = 200 * (at + 1)
            named = rng.multinomial(products - differ[:2].sum(), shares)
            ours, theirs = (rng.multinomial(each, shares) for each in differ[:2])
            counts = zip(named.tolist(), ours.tolist(), theirs.tolist(), strict=True)
            tally = ShadowTally(
                products,
                *(0, 0, int(unsure[0]), int(unsure[1])),
                *(products // 20, int(slow[0]) // 20, products, int(slow[1])),
                classes={str(name): ClassTally(*each) for name, each in enumerate(counts)},
            )
            assert breaches(tally, POLICY) == []
