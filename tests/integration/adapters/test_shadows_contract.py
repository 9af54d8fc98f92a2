"""The contract of ShadowLog."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml.domain.comparisons import ClassTally, ScoredAnswer, ShadowTally
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.ports import DRAWN_SCHEMA
from ml.domain.predictions import SelectionReason
from tests.examples import a_label, a_prediction, a_product, a_review_label, a_shadow_score, day

AUDIT = SelectionReason.AUDIT
EVER = datetime(2200, 1, 1, tzinfo=UTC)


@pytest.fixture
def served(labelled):
    """Thirty predictions, one a day."""
    labelled.predictions.append([a_prediction(number) for number in range(30)])
    return labelled


def drawn(stores, experiment="trial-2", *, after=0, as_of=EVER):
    return stores.shadows.drawn(experiment, after=after, as_of=as_of).to_pylist()


def positions(stores, experiment="trial-2"):
    """Of all scores, which therefore have to be drawn ones."""
    return [row["position"] for row in drawn(stores, experiment)]


def tally(stores, experiment="trial-2", *, as_of=EVER):
    return stores.shadows.tally(experiment, confidence_threshold=0.8, slow_ms=1_000, as_of=as_of)


def test_an_empty_log_has_nothing(stores):
    log = stores.shadows
    assert log.append([]) == 0
    assert log.get("prediction-0") is None
    assert log.opened("trial-2", after=0) is None
    assert log.reach("trial-2", after=0, hours=24) is None
    assert log.counts("trial-2", after=0, until=99) == (0, 0)
    assert tally(stores) == ShadowTally()
    assert log.cohorts("trial-2") == []
    assert log.drawn("trial-2", after=0, as_of=day(9)).schema == DRAWN_SCHEMA


def test_a_score_comes_back_as_it_was(served):
    agreed = a_shadow_score(0, candidate=ScoredAnswer("games", 0.1 + 0.2, 12.5))
    split = a_shadow_score(1, drawn=True, reviews=2, candidate=ScoredAnswer(None, 0.0))
    undrawn = a_shadow_score(2)
    assert served.shadows.append([agreed, split, undrawn]) == 3
    assert [served.shadows.get(f"prediction-{number}") for number in range(3)] == [
        agreed,
        split,
        undrawn,
    ]
    assert served.shadows.get("prediction-3") is None


def test_a_drawn_disagreement_is_a_selection_of_its_prediction(served):
    score = a_shadow_score(1, drawn=True, reviews=2)
    served.predictions.append([a_prediction(40, reasons=[AUDIT])])
    also_audited = a_shadow_score(40, drawn=True)
    served.shadows.append([score, a_shadow_score(2), also_audited])
    assert served.predictions.get("prediction-1").selections == (score.selection,)
    assert served.predictions.get("prediction-2").selections == ()
    both = served.predictions.get("prediction-40").selections
    assert [each.reason for each in both] == [AUDIT, SelectionReason.DISAGREEMENT]
    assert served.reviews.waiting() == 2
    assert served.reviews.next("ana", lease_seconds=60).prediction_id == "prediction-1"


def test_a_product_counts_once_in_a_comparison_by_its_first_score(served):
    again = a_prediction(50, product=a_product(1))
    edited = a_prediction(51, product=a_product(1, title="edited"))
    served.predictions.append([again, edited])
    first = a_shadow_score(1, drawn=True)
    late = [
        a_shadow_score(prediction_id=each.prediction_id, product=each.product, drawn=True)
        for each in (again, edited)
    ]
    assert served.shadows.append([first, replace(first, scored_at=day(5)), late[0]]) == 1
    assert served.shadows.append([first, *late]) == 1
    assert served.shadows.get("prediction-1") == first
    assert served.shadows.get("prediction-50") is None
    assert served.predictions.get("prediction-50").selections == ()
    assert served.shadows.append([replace(first, experiment="watch-3")]) == 1
    assert served.shadows.counts("trial-2", after=0, until=99) == (2, 2)
    assert len(drawn(served)) == tally(served).products == 2
    assert len(drawn(served, "watch-3")) == 1


def test_a_prediction_that_is_not_logged_yet_stores_nothing(served):
    scores = [a_shadow_score(1, drawn=True), a_shadow_score(77, drawn=True)]
    served.labels.append([], [a_product(77)])
    with pytest.raises(NotFound, match="prediction-77"):
        served.shadows.append(scores)
    assert served.shadows.get("prediction-1") is None
    assert served.reviews.waiting() == 0
    served.predictions.append([a_prediction(77)])
    assert served.shadows.append(scores) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiment": "a\0"}, "experiment contains a NUL"),
        ({"scored_at": day(0).replace(tzinfo=None)}, "scored_at"),
        ({"candidate": ScoredAnswer("games", float("nan"))}, "confidence"),
        ({"baseline": ScoredAnswer("\ud800", 0.5)}, "category"),
        ({"label_probability": 0.0}, "label_probability"),
        ({"candidate": ScoredAnswer("books", 0.9)}, r"agree|check constraint"),
    ],
)
def test_one_bad_score_stores_none(served, changes, message):
    scores = [a_shadow_score(1), replace(a_shadow_score(2, drawn=True), **changes)]
    with pytest.raises(InvalidInput, match=message):
        served.shadows.append(scores)
    assert served.shadows.get("prediction-1") is None


def test_positions_follow_the_order_of_writing(served):
    order = random.Random(1).sample(range(30), 30)
    for start in (0, 10, 20):
        chosen = [a_shadow_score(number, drawn=True) for number in order[start : start + 10]]
        served.shadows.append(chosen)
    rows = drawn(served)
    assert [row["prediction_id"] for row in rows] == [f"prediction-{number}" for number in order]
    assert positions(served) == sorted(set(positions(served)))
    assert drawn(served, after=rows[9]["position"]) == rows[10:]


def test_nothing_appears_behind_a_reader(served):
    """Several workers write while somebody reads on from the last position that was seen."""
    batches = [[a_shadow_score(number, drawn=True) for number in range(i, 30, 6)] for i in range(6)]
    seen = []
    with ThreadPoolExecutor(6) as pool:
        writes = [pool.submit(served.shadows.append, batch) for batch in batches]
        while not all(write.done() for write in writes):
            seen += drawn(served, after=seen[-1]["position"] if seen else 0)
    seen += drawn(served, after=seen[-1]["position"] if seen else 0)
    assert [write.result() for write in writes] == [5] * 6
    assert seen == drawn(served)
    assert len(seen) == 30


def test_simultaneous_writers_of_one_product_count_it_once(served):
    scores = [a_shadow_score(number, drawn=True) for number in range(30)]
    with ThreadPoolExecutor(6) as pool:
        batches = [random.Random(seed).sample(scores, 20) for seed in range(12)]
        new = sum(pool.map(served.shadows.append, batches))
    assert new == len(drawn(served)) == served.reviews.waiting()


def test_labels_since_the_draw_come_oldest_first(served):
    score = a_shadow_score(1, drawn=True, reviews=2)
    edited = a_product(1, title="edited")
    prediction = served.predictions.get("prediction-1")
    at = score.scored_at
    before, first, second, late = (
        a_review_label(prediction, reviewer=reviewer, category=category, labelled_at=labelled_at)
        for reviewer, category, labelled_at in (
            ("ana", "games", at - timedelta(microseconds=1)),
            ("bob", "games", at),
            ("ana", "pools", day(4)),
            ("eva", "games", day(6)),
        )
    )
    served.shadows.append([score, a_shadow_score(2, drawn=True)])
    imported = a_label(score.product, labelled_at=day(3))
    other = a_label(edited, source=first.source, labelled_at=day(3))
    served.labels.append([late, second, first, before, imported, other], [edited])
    assert served.labels.append([second]) == 0, "a label given twice is one"

    (row, unlabelled) = drawn(served, as_of=day(5))
    assert row["reviews"] == 2
    assert row["labels"] == [
        {
            "label_id": label.label_id,
            "reviewer": label.reviewer,
            "category": label.category,
            "labelled_at": label.labelled_at,
        }
        for label in (first, second)
    ]
    assert unlabelled["labels"] == []
    assert len(drawn(served)[0]["labels"]) == 3


def test_a_label_of_another_prediction_of_the_product_counts(served):
    served.predictions.append([a_prediction(50, product=a_product(1))])
    served.shadows.append([a_shadow_score(1, drawn=True)])
    label = a_review_label(served.predictions.get("prediction-50"))
    served.labels.append([label])
    assert [each["label_id"] for each in drawn(served)[0]["labels"]] == [label.label_id]


def test_a_stretch_ends_before_the_first_score_that_is_too_young(served):
    """Positions decide what is in; the times only where it ends."""
    hours = [0, 5, -400, 24, 24.001, 3, 100]
    scores = [
        a_shadow_score(number, drawn=True, scored_at=day(10 + hour / 24))
        for number, hour in enumerate(hours)
    ]
    served.shadows.append(scores)
    at = positions(served)
    log = served.shadows
    assert log.opened("trial-2", after=0) == scores[0].scored_at
    assert log.reach("trial-2", after=0, hours=24) == at[3]
    assert log.opened("trial-2", after=at[3]) == scores[4].scored_at
    assert log.reach("trial-2", after=at[3], hours=24) == at[5]
    assert log.reach("trial-2", after=0, hours=1_000) == at[-1]
    assert log.reach("trial-2", after=0, hours=0) == at[0]
    assert log.reach("trial-2", after=at[-1], hours=24) is None
    assert log.opened("trial-2", after=at[-1]) is None
    assert log.reach("trial-9", after=0, hours=24) is None


@pytest.mark.parametrize("jump", [timedelta(days=-20_000), timedelta(days=60_000)])
def test_a_clock_that_jumps_loses_nothing(served, jump):
    """Stretch after stretch, each product is in exactly one of them."""
    times = [day(1), day(1), day(1) + jump, day(1.1), day(2.5) + jump, day(3), day(3) - jump]
    served.shadows.append(
        [a_shadow_score(number, drawn=True, scored_at=at) for number, at in enumerate(times)]
    )
    after, found = 0, []
    while (until := served.shadows.reach("trial-2", after=after, hours=24)) is not None:
        assert until > after
        found.append(served.shadows.counts("trial-2", after=after, until=until)[0])
        after = until
    assert sum(found) == len(times)
    assert [row["scored_at"] for row in drawn(served)] == times
    assert tally(served, as_of=datetime(9000, 1, 1, tzinfo=UTC)).products == len(times)


def test_counts_tell_products_and_disagreements(served):
    scores = [a_shadow_score(number) for number in range(6)]
    agreed = ScoredAnswer("books", 0.9)
    scores[2] = replace(scores[2], candidate=agreed)
    scores[3] = replace(scores[3], candidate=ScoredAnswer(None, 0.0), baseline=agreed)
    failed = ScoredAnswer(None, 0.0)
    scores[4] = replace(scores[4], candidate=failed, baseline=failed)
    marks = [a_shadow_score(number, drawn=True) for number in (7, 8)]
    served.shadows.append([marks[0], *scores, marks[1], a_shadow_score(9)])
    first, last = positions(served)
    assert served.shadows.counts("trial-2", after=first, until=last) == (7, 5)
    assert served.shadows.counts("trial-2", after=0, until=last) == (8, 6)
    assert served.shadows.counts("trial-2", after=first, until=last - 1) == (6, 4)
    assert served.shadows.counts("trial-9", after=0, until=last) == (0, 0)


def test_a_tally_adds_up_what_guardrails_ask(served):
    pairs = [
        (ScoredAnswer("games", 0.9, 10.0), ScoredAnswer("games", 0.7)),
        (ScoredAnswer("games", 0.79, 1_000.0), ScoredAnswer("books", 0.8)),
        (ScoredAnswer(None, 0.0), ScoredAnswer("books", 0.5, 1_000.5)),
        (ScoredAnswer("pools", 0.8, 2_000.0), ScoredAnswer(None, 0.0)),
        (ScoredAnswer(None, 0.0), ScoredAnswer(None, 0.0)),
        (ScoredAnswer("games", 0.9), ScoredAnswer("games", 0.9, 3_000.0)),
    ]
    scores = [
        a_shadow_score(number, candidate=candidate, baseline=baseline)
        for number, (candidate, baseline) in enumerate(pairs)
    ]
    later = [a_shadow_score(20), replace(a_shadow_score(20), experiment="watch-9")]
    served.shadows.append([*scores, *later])
    assert tally(served, as_of=scores[-1].scored_at) == ShadowTally(
        products=6,
        candidate_only_failed=1,
        baseline_only_failed=1,
        candidate_only_unsure=1,
        baseline_only_unsure=2,
        candidate_timed=3,
        candidate_slow=1,
        baseline_timed=2,
        baseline_slow=2,
        classes={
            "games": ClassTally(both=2, candidate_only=1, baseline_only=0),
            "books": ClassTally(both=0, candidate_only=0, baseline_only=2),
            "pools": ClassTally(both=0, candidate_only=1, baseline_only=0),
        },
    )
