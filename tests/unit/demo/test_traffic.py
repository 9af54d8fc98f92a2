"""Products and reviews over the real API, without a socket."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.reviews import agreement, review, reviewer_accuracy
from ml.demo.traffic import Answered, lost, send
from ml.domain.labels import LabelSpace
from ml.serving.client import ServingClient
from ml.simulation.items import SimulatedProduct
from ml.simulation.reviewers import Reviewers
from tests.fakes.serving import API_KEY, Worker, eventually

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def client(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServingClient]:
    worker.client.get("/healthz")  # the worker is up before several requests arrive at once
    worker.answer_clients(monkeypatch)
    with ServingClient("http://serving", api_key=API_KEY) as client:
        yield client


def products(count: int) -> list[SimulatedProduct]:
    """Half say plainly what they are; the others say nothing the model knows."""
    return [
        SimulatedProduct(
            product_id=f"p{i}",
            title=f"shoe {i}" if i % 2 else f"thing {i}",
            description="",
            picture=None,
            category="shoes",
            listed_at=START + timedelta(hours=i),
        )
        for i in range(count)
    ]


def _logged(worker: Worker, answers: list[Answered]) -> None:
    eventually(lambda: worker.services.predictions.count() == len(answers))


def test_products_sent_twice_are_answered_once(worker: Worker, client: ServingClient) -> None:
    first = send(products(12), client)
    again = send(products(12), client)
    assert [a.prediction_id for a in first] == [a.prediction_id for a in again]
    assert [a.product.product_id for a in first] == [f"p{i}" for i in range(12)]
    _logged(worker, first)
    assert lost(first, client) == []


def test_an_answer_that_was_not_logged_is_found(worker: Worker, client: ServingClient) -> None:
    answers = send(products(4), client)
    _logged(worker, answers)
    invented = replace(answers[0], prediction_id="0" * 32)
    assert lost([*answers, invented], client) == ["0" * 32]


def test_people_label_what_was_chosen_in_simulated_time(
    worker: Worker, client: ServingClient
) -> None:
    answers = send(products(20), client)
    _logged(worker, answers)
    careful = Reviewers(seed=1, categories=["books", "shoes"], response_share=1.0, error_share=0.0)
    reviewed = review(answers, careful, client)
    assert len(reviewed) == sum(answer.needs_review for answer in answers) == 10
    assert reviewer_accuracy(answers, reviewed) == 1.0
    labels = worker.services.labels.read(datetime(2100, 1, 1, tzinfo=UTC)).to_pylist()
    assert len(labels) == 10
    assert all(label["category"] == "shoes" for label in labels)
    assert all(label["labelled_at"] > START for label in labels)


def test_agreement_is_weighted_by_how_products_were_chosen(
    worker: Worker, client: ServingClient
) -> None:
    answers = send(products(20), client)
    _logged(worker, answers)
    careful = Reviewers(seed=1, categories=["books", "shoes"], response_share=1.0, error_share=0.0)
    reviewed = review(answers, careful, client)
    said = {answer.prediction_id for answer in answers if answer.correct}
    expected = sum(entry.prediction_id in said for entry in reviewed) / len(reviewed)
    assert agreement(answers, reviewed, client) == (expected, pytest.approx(expected))


def test_nobody_answering_gives_no_estimate(worker: Worker, client: ServingClient) -> None:
    answers = send(products(8), client)
    _logged(worker, answers)
    silent = Reviewers(seed=1, categories=["books", "shoes"], response_share=0.0)
    reviewed = review(answers, silent, client)
    assert [entry.is_answered for entry in reviewed] == [False] * 4
    assert agreement(answers, reviewed, client) == (None, None)
    assert reviewer_accuracy(answers, reviewed) is None


def test_a_category_seen_for_the_first_time_is_named_as_new(
    worker: Worker, client: ServingClient
) -> None:
    lamps = [replace(product, category="lamps") for product in products(8)]
    answers = send(lamps, client)
    _logged(worker, answers)
    careful = Reviewers(seed=1, categories=["books", "shoes"], response_share=1.0, error_share=0.0)
    review(answers, careful, client)
    assert worker.services.label_spaces.current() == LabelSpace(2, ("books", "shoes", "lamps"))
