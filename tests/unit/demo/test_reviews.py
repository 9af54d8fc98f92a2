"""People labelling over the real API, without a socket."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ml.demo.reviews import ReviewDesk
from ml.demo.traffic import Answered, send
from ml.domain.labels import LabelSpace
from ml.serving.client import ServingClient
from ml.simulation.items import SimulatedProduct
from ml.simulation.reviewers import Reviewers
from tests.fakes.serving import API_KEY, Worker, eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
CAREFUL = Reviewers(seed=1, categories=["books", "shoes"], response_share=1.0, error_share=0.0)


@pytest.fixture
def client(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServingClient]:
    worker.client.get("/healthz")  # the worker is up before several requests arrive at once
    worker.answer_clients(monkeypatch)
    with ServingClient("http://serving", api_key=API_KEY) as client:
        yield client


def served(
    worker: Worker, client: ServingClient, start: int, end: int, category: str = "shoes"
) -> list[Answered]:
    """Half say plainly what they are; the others are doubtful, and reviewed."""
    products = [
        SimulatedProduct(
            product_id=f"p{i}",
            title=f"shoe {i}" if i % 2 else f"thing {i}",
            description="",
            picture=None,
            category=category,
            listed_at=START + timedelta(hours=i),
        )
        for i in range(start, end)
    ]
    answers = send(products, client)
    eventually(lambda: worker.services.predictions.count() == end)
    return answers


def test_people_label_what_was_chosen_in_simulated_time(
    worker: Worker, client: ServingClient
) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 20))
    given = desk.review(CAREFUL)
    labels = worker.services.labels.read(FAR_FUTURE).to_pylist()
    assert given == len(labels)
    assert {label["product_id"] for label in labels} == {f"p{i}" for i in range(0, 20, 2)}
    assert {label["label_id"] for label in labels} == set(desk.labels)
    assert all(desk.labels.values())
    assert all(label["category"] == "shoes" for label in labels)
    assert all(label["labelled_at"] > START for label in labels)


def test_products_of_an_earlier_stretch_may_still_be_asked_about(
    worker: Worker, client: ServingClient
) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 8))
    desk.expect(served(worker, client, 8, 16))
    desk.review(CAREFUL)
    labels = worker.services.labels.read(FAR_FUTURE)["product_id"].to_pylist()
    assert set(labels) == {f"p{i}" for i in range(0, 16, 2)}
    assert desk.review(CAREFUL) == 0


def test_who_does_not_answer_leaves_no_label(worker: Worker, client: ServingClient) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 8))
    assert desk.review(replace(CAREFUL, response_share=0.0)) == 0
    assert (desk.labels, desk.unanswered) == ({}, 4)


def test_what_two_people_are_asked_about_is_settled_by_a_third_where_they_differ(
    worker: Worker, client: ServingClient
) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 60))
    erring = replace(CAREFUL, error_share=0.4)
    given = desk.review(erring)
    votes: dict[str, list[dict[str, Any]]] = {}
    for label in worker.services.labels.read(FAR_FUTURE).to_pylist():
        votes.setdefault(label["product_id"], []).append(label)
    assert sum(len(each) for each in votes.values()) == given == len(desk.labels)
    assert len(votes) == 30
    assert {len(each) for each in votes.values()} == {1, 2, 3}
    for each in votes.values():
        assert len({vote["reviewer"] for vote in each}) == len(each)
        *first, last = sorted(each, key=lambda vote: vote["labelled_at"])
        if len(each) == 3:
            assert len({vote["category"] for vote in first}) == 2
            assert last["labelled_at"] > max(vote["labelled_at"] for vote in first)
    assert worker.services.reviews.waiting() == 0


def test_a_wrong_label_is_known_as_one(worker: Worker, client: ServingClient) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 8))
    desk.review(replace(CAREFUL, error_share=1.0, people=1))
    assert list(desk.labels.values()) == [False] * 4


def test_a_category_seen_for_the_first_time_is_named_as_new(
    worker: Worker, client: ServingClient
) -> None:
    desk = ReviewDesk(client)
    desk.expect(served(worker, client, 0, 8, category="lamps"))
    desk.review(CAREFUL)
    assert worker.services.label_spaces.current() == LabelSpace(2, ("books", "shoes", "lamps"))
