"""Recorded products as a comparison: cohorts and tally are those of a trial whose labels are in."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ml.domain.comparisons import ClassTally, ScoredAnswer, Stratum
from ml.rollout.evidence import estimate_of
from ml.rollout.recorded import Recorded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CATEGORIES = st.sampled_from(["a", "b", "c"])
PRODUCTS = st.lists(st.tuples(CATEGORIES, CATEGORIES, CATEGORIES), min_size=1, max_size=60)


def recorded(products: list[tuple[str, str, str]], confidence: float = 0.9) -> Recorded:
    """Products as (candidate's answer, baseline's answer, label)."""
    ours, theirs, truths = zip(*products, strict=True)
    candidate, baseline = (
        [ScoredAnswer(name, confidence) for name in side] for side in (ours, theirs)
    )
    return Recorded("drill", candidate, baseline, truths)


@given(PRODUCTS, st.integers(1, 12))
def test_cohorts_hold_every_product_once_and_every_label(
    products: list[tuple[str, str, str]], draws: int
) -> None:
    cohorts = recorded(products).cohorts(draws=draws, max_labels=1_000, at=NOW)
    seen = estimate_of(cohorts)
    differing = [each for each in products if each[0] != each[1]]
    assert [each.number for each in cohorts] == list(range(1, len(cohorts) + 1))
    assert (seen.products, seen.drawn, seen.labels) == (len(products), *[len(differing)] * 2)
    assert seen.wins == sum(ours == truth for ours, _, truth in differing)
    assert seen.losses == sum(theirs == truth for _, theirs, truth in differing)
    assert all(each.disagreements == draws for each in cohorts[:-1])
    assert cohorts[-1].last_position == len(products)


@given(PRODUCTS, st.integers(1, 12), st.integers(1, 12))
def test_labels_end_with_the_last_one_allowed(
    products: list[tuple[str, str, str]], draws: int, labels: int
) -> None:
    cohorts = recorded(products).cohorts(draws=draws, max_labels=labels, at=NOW)
    differing = [i for i, each in enumerate(products, start=1) if each[0] != each[1]]
    assert estimate_of(cohorts).drawn == min(labels, len(differing))
    if len(differing) > labels:
        assert cohorts[-1].last_position == differing[labels - 1]


def test_strata_are_by_how_hard_the_products_are() -> None:
    (easy,) = recorded([("a", "b", "a")], 0.9).cohorts(draws=1, max_labels=9, at=NOW)
    (hard,) = recorded([("a", "b", "b")], 0.1).cohorts(draws=1, max_labels=9, at=NOW)
    none = Stratum(0, 0, 0, 0)
    assert easy.strata == (none, none, Stratum(1, 1, 0, 0))
    assert hard.strata == (Stratum(1, 0, 0, 1), none, none)


def test_the_tally_counts_what_only_one_model_did() -> None:
    candidate = [
        ScoredAnswer("a", 0.5, 30.0),
        ScoredAnswer(None, 0.0, 5.0),
        ScoredAnswer("b", 0.9),
        ScoredAnswer("b", 0.9),
    ]
    baseline = [
        ScoredAnswer("a", 0.9, 5.0),
        ScoredAnswer("a", 0.9, 30.0),
        ScoredAnswer("b", 0.5),
        ScoredAnswer("a", 0.9),
    ]
    comparison = Recorded("drill", candidate, baseline, ["a"] * 4)
    tally = comparison.tally(until=3, confidence_threshold=0.8, slow_ms=10.0)
    assert (tally.products, tally.candidate_only_failed, tally.baseline_only_failed) == (3, 1, 0)
    assert (tally.candidate_only_unsure, tally.baseline_only_unsure) == (2, 1)
    assert (tally.candidate_timed, tally.candidate_slow) == (2, 1)
    assert (tally.baseline_timed, tally.baseline_slow) == (2, 1)
    assert tally.classes == {"a": ClassTally(1, 0, 1), "b": ClassTally(1, 0, 0)}
