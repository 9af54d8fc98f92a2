"""Reviewers label what they are asked about, without seeing the answer."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from ml.serving.routes.reviews import LONGEST_REVIEW
from tests.fakes.serving import NOW, REVIEWER_KEY, Worker, encoded, eventually, jpeg


def put_to_review(worker: Worker, **product: Any) -> str:
    prediction_id: str = worker.classify(**(product or {"title": "qwertz"})).json()["prediction_id"]
    eventually(lambda: worker.stored(prediction_id))
    return prediction_id


def next_review(worker: Worker, reviewer: str = "anna") -> httpx2.Response:
    return worker.client.get("/v1/review/next", params={"reviewer": reviewer})


def label(worker: Worker, predicted: str, **fields: Any) -> httpx2.Response:
    body = {
        "prediction_id": predicted,
        "category": "books",
        "reviewer": "anna",
        "labelled_at": NOW.isoformat(),
    }
    return worker.client.post("/v1/labels", json={**body, **fields})


def test_a_reviewer_gets_the_product_and_nothing_of_the_answer(worker: Worker) -> None:
    prediction_id = put_to_review(worker, title="qwertz", image=encoded(jpeg()))
    product = next_review(worker).json()
    assert product.pop("image_url").startswith("/v1/pictures/")
    assert product == {
        "prediction_id": prediction_id,
        "product_id": "p1",
        "title": "qwertz",
        "description": "",
    }


def test_nobody_else_gets_a_leased_product(worker: Worker) -> None:
    put_to_review(worker)
    assert next_review(worker, "anna").status_code == 200
    other = next_review(worker, "bert")
    assert (other.status_code, other.content) == (204, b"")


def test_a_label_is_stored_once_with_its_inclusion_probability(worker: Worker) -> None:
    prediction_id = put_to_review(worker)
    first, second = (label(worker, prediction_id) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json()["stored"], second.json()["stored"]) == (True, False)
    assert first.json()["label_id"] == second.json()["label_id"]
    (stored,) = worker.services.database.labels.values()
    prediction = worker.services.database.predictions[prediction_id]
    assert stored.product_digest == prediction.product.digest
    assert stored.inclusion_probability == prediction.selections[0].inclusion_probability
    assert stored.labelled_at == NOW
    assert next_review(worker).status_code == 204


def test_a_correction_is_a_further_label(worker: Worker) -> None:
    prediction_id = put_to_review(worker)
    assert label(worker, prediction_id).status_code == 201
    assert label(worker, prediction_id, category="shoes").status_code == 201
    assert len(worker.services.database.labels) == 2


def test_a_label_for_an_unknown_prediction_says_to_try_again(worker: Worker) -> None:
    response = label(worker, "0" * 32)
    assert response.status_code == 404
    assert "try again" in response.json()["error"]["remedy"]


def test_a_product_picked_by_hand_has_no_known_probability(worker: Worker) -> None:
    prediction_id = put_to_review(worker, title="a good book")
    response = label(worker, prediction_id)
    assert response.status_code == 409
    assert "not chosen for review" in response.json()["error"]["reason"]


def test_an_unknown_category_names_the_nearest(worker: Worker) -> None:
    response = label(worker, put_to_review(worker), category="book")
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["field"] == "category"
    assert "'books'" in error["remedy"]
    assert '"new_category": true' in error["remedy"]
    assert worker.services.label_spaces.current().version == 1


def test_a_new_category_extends_the_label_space(worker: Worker) -> None:
    prediction_id = put_to_review(worker)
    response = label(worker, prediction_id, category=" lamps ", new_category=True)
    assert (response.status_code, response.json()["label_space_version"]) == (201, 2)
    assert worker.services.label_spaces.current().classes == ("books", "shoes", "lamps")
    again = label(worker, prediction_id, category="lamps", new_category=True)
    assert (again.status_code, again.json()["label_space_version"]) == (200, 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", ""),
        ("category", "x" * 101),
        ("category", "a\nb"),
        ("category", "a\0b"),
        ("reviewer", ""),
        ("reviewer", "x" * 101),
        ("reviewer", "a\x07"),
        ("labelled_at", "2026-01-01T00:00:00"),
        ("prediction_id", ""),
        ("new_category", "perhaps"),
    ],
)
def test_bad_labels_are_refused_by_field(worker: Worker, field: str, value: str) -> None:
    prediction_id = put_to_review(worker)
    response = label(worker, prediction_id, **{field: value})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == field
    assert not worker.services.database.labels


@pytest.mark.parametrize("query", ["", "reviewer=", "reviewer=%00", "reviewer=" + "x" * 101])
def test_a_reviewer_has_a_name(worker: Worker, query: str) -> None:
    response = worker.client.get(f"/v1/review/next?{query}")
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "reviewer"


def test_an_audit_shows_the_selections(worker: Worker) -> None:
    audit = worker.client.get(f"/v1/predictions/{put_to_review(worker)}").json()
    (selection,) = audit["selections"]
    assert selection["reason"] == "low_confidence"
    assert 0 < selection["probability"] <= selection["inclusion_probability"] <= 1


def test_an_unknown_prediction_is_a_404(worker: Worker) -> None:
    assert worker.client.get("/v1/predictions/nothing").status_code == 404


@pytest.mark.parametrize(
    ("digest", "status"), [("0" * 64, 404), ("0" * 63, 422), ("..%2F..%2Fsecrets.json", 404)]
)
def test_pictures_are_found_by_their_digest_alone(worker: Worker, digest: str, status: int) -> None:
    assert worker.client.get(f"/v1/pictures/{digest}").status_code == status


@pytest.mark.parametrize(
    "late", [timedelta(seconds=-1), LONGEST_REVIEW + timedelta(seconds=1)], ids=["early", "late"]
)
def test_a_label_at_an_impossible_time_is_refused(worker: Worker, late: timedelta) -> None:
    prediction_id = put_to_review(worker)
    response = label(worker, prediction_id, labelled_at=(NOW + late).isoformat())
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "labelled_at"
    assert NOW.isoformat() in response.json()["error"]["reason"]
    assert not worker.services.database.labels


@pytest.mark.parametrize("year", [2012, 2101])
def test_a_replay_labels_in_its_own_time(worker: Worker, year: int) -> None:
    at = datetime.fromisoformat(f"{year}-03-01T10:00:00+00:00")
    prediction_id = put_to_review(worker, title="qwertz", at=at.isoformat())
    for when in (at, at + LONGEST_REVIEW, None):
        fields = {"labelled_at": when.isoformat() if when else None, "category": "shoes"}
        assert label(worker, prediction_id, **fields).status_code in (200, 201)
    stored = [each.labelled_at for each in worker.services.database.labels.values()]
    assert set(stored) == {at, at + LONGEST_REVIEW}


def test_a_reviewers_key_opens_nothing_that_shows_the_answer(worker: Worker) -> None:
    prediction_id = put_to_review(worker, title="qwertz", image=encoded(jpeg()))
    worker.client.headers["X-API-Key"] = REVIEWER_KEY
    product = next_review(worker).json()
    assert product["prediction_id"] == prediction_id
    assert worker.client.get(product["image_url"]).content == jpeg()
    for closed in (
        worker.client.get(f"/v1/predictions/{prediction_id}"),
        worker.classify(title="qwertz"),
        worker.client.post("/v1/classify/batch", json={"products": []}),
    ):
        assert closed.status_code == 403
        assert "api_key" in closed.json()["error"]["remedy"]
    assert label(worker, prediction_id).status_code == 201
