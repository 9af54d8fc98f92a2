"""What auditors are told of accuracy."""

from datetime import timedelta

import pytest

from ml.domain.predictions import ReviewSelection, SelectionReason
from tests.examples import a_prediction, a_review_label
from tests.fakes.serving import NOW, REVIEWER_KEY, Worker


def review(worker: Worker, number: int, *, chance: float, right: bool, days: float = 1) -> None:
    """A product that was answered `books` so many days ago, drawn and labelled."""
    prediction_id = f"prediction-{number}"
    coin = ReviewSelection(prediction_id, SelectionReason.AUDIT, chance, chance)
    answer = a_prediction(
        number,
        category="books",
        predicted_at=NOW - timedelta(days=days),
        selections=(coin,),
    )
    worker.services.predictions.append([answer])
    label = a_review_label(
        answer,
        category="books" if right else "shoes",
        inclusion_probability=chance,
        labelled_at=NOW - timedelta(days=days),
    )
    worker.services.labels.append([label])


def test_the_champions_accuracy_is_told_weighted_and_naive(worker: Worker) -> None:
    review(worker, 1, chance=0.25, right=True)
    for number in range(2, 6):
        review(worker, number, chance=1.0, right=number == 2)
    told = worker.client.get("/v1/accuracy").json()
    assert (told["model_version"], told["served"]) == (1, 5)
    assert told["as_of"] == NOW.isoformat().replace("+00:00", "Z")
    assert "naive" in told["explanation"]
    assert told["agreement"] == {
        "share": {"value": 0.0, "low": 0.0, "high": 1.0, "labels": 0, "effective_labels": 0.0},
        "error": None,
        "label_inflation": None,
    }
    overall = told["slices"][0]
    assert (overall["dimension"], overall["drawn"], overall["labelled"]) == ("overall", 5, 5)
    assert overall["weighted"]["value"] == pytest.approx(5 / 8)
    assert overall["naive"]["value"] == pytest.approx(2 / 5)
    assert overall["powered"] is None
    assert {each["dimension"] for each in told["slices"]} == {
        "overall",
        "language",
        "style",
        "answer",
        "label",
    }


def test_a_version_and_a_span_may_be_asked_for(worker: Worker) -> None:
    review(worker, 1, chance=0.5, right=True, days=9)
    review(worker, 2, chance=0.5, right=False, days=1)
    asked = {"version": 1, "until": (NOW - timedelta(days=5)).isoformat()}
    told = worker.client.get("/v1/accuracy", params=asked).json()
    assert told["served"] == 1
    assert told["slices"][0]["weighted"]["value"] == 1.0


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"version": 7}, 404, None),
        ({"version": 0}, 422, "version"),
        ({"since": "2026-01-01T00:00:00"}, 422, "since"),
        ({"until": "soon"}, 422, "until"),
    ],
)
def test_what_is_not_there_is_refused(
    worker: Worker, asked: dict[str, object], status: int, field: str | None
) -> None:
    response = worker.client.get("/v1/accuracy", params=asked)
    assert response.status_code == status
    assert response.json()["error"].get("field") == field


def test_reviewers_see_none_of_it(worker: Worker) -> None:
    response = worker.client.get("/v1/accuracy", headers={"X-API-Key": REVIEWER_KEY})
    assert response.status_code == 403
