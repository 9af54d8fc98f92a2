"""The contract of ServedWindows."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pytest

from ml.domain.comparisons import ScoredAnswer
from ml.domain.errors import InvalidInput
from ml.domain.ports import OUTCOME_SCHEMA, SELECTED_SCHEMA, TOTALS_SCHEMA, WINDOW_SCHEMA
from ml.domain.predictions import Arm, SelectionReason
from tests.examples import (
    a_label,
    a_prediction,
    a_product,
    a_review_label,
    a_shadow_score,
    day,
)

LATER = day(1_000)


def numbers(window):
    """The predictions in a window, by number."""
    return [int(each.rpartition("-")[2]) for each in window["prediction_id"].to_pylist()]


@pytest.fixture
def served(labelled):
    """Ten predictions of version 1 on ten days over two months, written in no order, and others."""
    answers = [a_prediction(number, predicted_at=day(27 + number)) for number in range(10)]
    labelled.predictions.append(answers[::-2])
    labelled.predictions.append(answers[::2])
    labelled.predictions.append(
        [a_prediction(20 + n, predicted_at=day(27 + n), model_version=2) for n in range(3)]
    )
    return labelled


def test_an_unknown_version_has_an_empty_window(stores):
    for window in (
        stores.windows.first(9, products=5, until=LATER),
        stores.windows.last(9, products=5, until=LATER),
        stores.windows.last(9, products=5, until=LATER, since=day(0)),
    ):
        assert window.equals(WINDOW_SCHEMA.empty_table())
    assert stores.windows.outcomes(as_of=LATER).equals(OUTCOME_SCHEMA.empty_table())
    assert stores.windows.selected(9, as_of=LATER).equals(SELECTED_SCHEMA.empty_table())
    assert stores.windows.totals(9).equals(TOTALS_SCHEMA.empty_table())


def test_the_first_and_the_last_answers_of_a_version(served):
    windows = served.windows
    assert numbers(windows.first(1, products=4, until=LATER)) == [0, 1, 2, 3]
    assert numbers(windows.first(1, products=4, until=day(29))) == [0, 1, 2]
    assert numbers(windows.last(1, products=4, until=LATER)) == [6, 7, 8, 9]
    assert numbers(windows.last(1, products=4, until=day(29))) == [0, 1, 2]
    assert numbers(windows.last(2, products=2, until=LATER)) == [21, 22]


@pytest.mark.parametrize("products", range(1, 12))
def test_a_span_is_sampled_evenly_and_the_same_each_time(served, products):
    since, until = day(28), day(34)  # seven answers, both ends included
    window = served.windows.last(1, products=products, until=until, since=since)
    assert window.equals(served.windows.last(1, products=products, until=until, since=since))
    chosen = numbers(window)
    assert len(chosen) == min(products, 7)
    assert set(chosen) <= set(range(1, 8))
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_answers_of_one_moment_are_ordered_by_id(labelled):
    labelled.predictions.append([a_prediction(n, predicted_at=day(1)) for n in (5, 3, 8, 1)])
    assert numbers(labelled.windows.first(1, products=3, until=LATER)) == [1, 3, 5]
    assert numbers(labelled.windows.last(1, products=3, until=LATER)) == [3, 5, 8]


def test_a_window_has_a_column_for_each_signal(stores):
    signals = [{"words": 3.0}, {"blur": 0.1 + 0.2, "words": -1e300}, {}]
    stores.predictions.append([a_prediction(n, signals=each) for n, each in enumerate(signals)])
    window = stores.windows.first(1, products=3, until=LATER)
    fields = [pa.field(name, pa.float64()) for name in ("blur", "words")]
    assert window.schema == pa.schema([*WINDOW_SCHEMA, *fields])
    assert window.to_pydict() == {
        "prediction_id": [f"prediction-{n}" for n in range(3)],
        "predicted_at": [day(n) for n in range(3)],
        "category": ["games"] * 3,
        "confidence": [0.7] * 3,
        "blur": [None, 0.1 + 0.2, None],
        "words": [3.0, -1e300, None],
    }
    assert stores.windows.last(1, products=3, until=LATER).equals(window)
    assert stores.windows.last(1, products=3, until=LATER, since=day(0)).equals(window)


def test_an_outcome_is_an_answer_with_its_label(labelled):
    answer = a_prediction(3, arm=Arm.CHALLENGER, model_version=7, experiment="trial-2")
    labelled.predictions.append([answer, a_prediction(4)])
    label = a_review_label(answer, category="books", inclusion_probability=0.25)
    labelled.labels.append([label])
    outcomes = labelled.windows.outcomes(as_of=LATER)
    assert outcomes.schema == OUTCOME_SCHEMA
    assert outcomes.to_pylist() == [
        {
            "prediction_id": "prediction-3",
            "product_id": "p3",
            "model_version": 7,
            "arm": "challenger",
            "category": "games",
            "label": "books",
            "confidence": 0.7,
            "inclusion_probability": 0.25,
            "predicted_at": day(3),
            "labelled_at": day(4),
        }
    ]


def test_outcomes_are_of_a_version_of_a_trial_and_of_a_span(labelled):
    answers = [
        replace(
            a_prediction(number, model_version=number % 2),
            experiment=f"trial-{number // 3}" if number < 6 else None,
        )
        for number in range(8)
    ]
    labelled.predictions.append(answers)
    labelled.labels.append([a_review_label(answer) for answer in answers])

    def found(**asked):
        return numbers(labelled.windows.outcomes(**{"as_of": LATER, **asked}))

    assert found() == list(range(8))
    assert found(model_version=1) == [1, 3, 5, 7]
    assert found(experiment="trial-1") == [3, 4, 5]
    assert found(experiment="trial-1", model_version=0) == [4]
    assert found(since=day(2), until=day(4)) == [2, 3, 4]
    assert found(as_of=day(4)) == [0, 1, 2, 3], "labels are given a day after the answer"


def test_the_first_review_label_by_then_counts(labelled):
    answer = a_prediction()
    labelled.predictions.append([answer])
    labelled.labels.append(
        [
            a_review_label(answer, category="pools", labelled_at=day(3), reviewer="bob"),
            a_review_label(answer, category="books", labelled_at=day(2)),
            a_label(answer.product, prediction_id=answer.prediction_id, category="games"),
        ]
    )
    assert labelled.windows.outcomes(as_of=day(5))["label"].to_pylist() == ["books"]
    before = labelled.windows.outcomes(as_of=day(2) - timedelta(microseconds=1))
    assert before.num_rows == 0


def test_a_selected_answer_has_its_product_its_coins_and_its_votes(labelled):
    reasons = [SelectionReason.LOW_CONFIDENCE, SelectionReason.AUDIT]
    answer = a_prediction(3, reasons=reasons)
    labelled.predictions.append([answer, a_prediction(4), a_prediction(5, reasons=reasons[:1])])
    labelled.labels.append(
        [
            a_review_label(answer, labelled_at=day(6), reviewer="bob", category="pools"),
            a_review_label(answer, labelled_at=day(5)),
            a_label(answer.product, category="games"),
        ]
    )
    selected = labelled.windows.selected(1, as_of=LATER)
    assert selected.schema == SELECTED_SCHEMA
    first, second = selected.to_pylist()
    assert first == {
        "prediction_id": "prediction-3",
        "predicted_at": day(3),
        "category": "games",
        "confidence": 0.7,
        "title": "title 3",
        "description": "<p>chaise d'été</p>",
        "picture": None,
        "reasons": ["audit", "low_confidence"],
        "reviews": 1,
        "inclusion_probability": 0.4375,
        "votes": [
            {"reviewer": "ana", "category": "books"},
            {"reviewer": "bob", "category": "pools"},
        ],
    }
    assert (second["reasons"], second["votes"]) == (["low_confidence"], [])
    assert second["inclusion_probability"] == 0.4375


def test_selected_answers_are_of_a_version_and_a_span_as_known_by_then(labelled):
    audit = [SelectionReason.AUDIT]
    answers = [a_prediction(n, reasons=audit, model_version=1 + n % 2) for n in range(8)]
    labelled.predictions.append(answers)
    labelled.labels.append([a_review_label(answer) for answer in answers])

    def found(version, **asked):
        return numbers(labelled.windows.selected(version, **{"as_of": LATER, **asked}))

    assert found(1) == [0, 2, 4, 6]
    assert found(2, since=day(3), until=day(5)) == [3, 5]
    assert found(1, as_of=day(4)) == [0, 2, 4], "who is drawn later, is drawn later"
    votes = labelled.windows.selected(1, as_of=day(4))["votes"].to_pylist()
    assert [len(each) for each in votes] == [1, 1, 0], "labels are given a day after the answer"


def test_the_disagreement_coin_counts_whether_or_not_it_came_up(labelled):
    audit = [SelectionReason.AUDIT]
    labelled.predictions.append([a_prediction(n, reasons=audit) for n in (1, 2, 3)])
    labelled.predictions.append([a_prediction(n) for n in (4, 5)])
    agreed = replace(a_shadow_score(3), baseline=ScoredAnswer("games", 0.5))
    scores = [a_shadow_score(1), a_shadow_score(2, drawn=True, reviews=2), agreed]
    labelled.shadows.append([*scores, a_shadow_score(4, drawn=True), a_shadow_score(5)])
    rows = labelled.windows.selected(1, as_of=LATER).to_pylist()
    union = 1 - (1 - 0.4375) * (1 - 0.25)
    assert [(row["reasons"], row["reviews"], row["inclusion_probability"]) for row in rows] == [
        (["audit"], 1, pytest.approx(union)),
        (["audit", "disagreement"], 2, 0.4375),  # the largest that its rows state
        (["audit"], 1, 0.4375),
        (["disagreement"], 1, 0.25),
    ]


def test_a_product_counts_once_as_it_was_first_shown(labelled):
    audit, product = [SelectionReason.AUDIT], a_product(0)
    again = {"product": product, "category": "pools", "confidence": 0.9}
    labelled.predictions.append(
        [
            a_prediction(2, reasons=audit, **again),
            a_prediction(1, reasons=audit, product=product),
            a_prediction(3, **again),
            a_prediction(4, product=a_product(0, title="edited"), category="books"),
            a_prediction(5, model_version=2),
        ]
    )
    other = a_prediction(6, product=product, model_version=2)
    labelled.predictions.append([other])
    labelled.labels.append([a_review_label(other, inclusion_probability=0.5)])
    selected = labelled.windows.selected(1, as_of=LATER)
    assert numbers(selected) == [1]
    assert selected["votes"].to_pylist() == [[{"reviewer": "ana", "category": "books"}]]
    assert selected["inclusion_probability"].to_pylist() == [0.4375]
    assert labelled.windows.totals(1).to_pylist() == [
        {"category": "books", "products": 1, "confidence_sum": 0.7},
        {"category": "games", "products": 1, "confidence_sum": 0.7},
    ]
    assert labelled.windows.totals(1, since=day(2), until=day(3)).to_pylist() == [
        {"category": "pools", "products": 1, "confidence_sum": 0.9}
    ]


def test_times_without_a_zone_are_refused(stores):
    naive = day(0).replace(tzinfo=None)
    with pytest.raises(InvalidInput, match="until"):
        stores.windows.first(1, products=1, until=naive)
    with pytest.raises(InvalidInput, match="since"):
        stores.windows.last(1, products=1, until=LATER, since=naive)
    with pytest.raises(InvalidInput, match="as_of"):
        stores.windows.outcomes(as_of=naive)
    with pytest.raises(InvalidInput, match="experiment"):
        stores.windows.outcomes(as_of=LATER, experiment="\0")
    with pytest.raises(InvalidInput, match="as_of"):
        stores.windows.selected(1, as_of=naive)
    with pytest.raises(InvalidInput, match="since"):
        stores.windows.totals(1, since=naive)
