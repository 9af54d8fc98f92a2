"""Products over the real API, without a socket."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml.demo.plan import Arrivals
from ml.demo.traffic import Answered, Trickle, lost, send
from ml.domain.errors import InvalidInput
from ml.domain.predictions import Arm
from ml.serving.client import ServingClient
from ml.simulation.items import SimulatedProduct
from tests.fakes.serving import API_KEY, Worker, eventually

START = datetime(2026, 3, 1, tzinfo=UTC)


def connect() -> ServingClient:
    return ServingClient("http://serving", api_key=API_KEY)


@pytest.fixture
def client(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServingClient]:
    worker.client.get("/healthz")  # the worker is up before several requests arrive at once
    worker.answer_clients(monkeypatch)
    with connect() as client:
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


def test_an_answer_tells_who_gave_it(client: ServingClient) -> None:
    (answer, *_) = send(products(2), client)
    assert (answer.model_version, answer.arm) == (1, Arm.CHAMPION)
    assert abs(datetime.now(UTC) - answer.heard_at) < timedelta(minutes=1)


def test_a_trickle_takes_products_one_by_one_until_its_block_ends(client: ServingClient) -> None:
    arrivals = Arrivals(products(100))
    with Trickle(arrivals, connect, most=100, pause_seconds=0.001) as trickle:
        eventually(lambda: len(trickle.answers) >= 3)
    answered = [answer.product.product_id for answer in trickle.answers]
    rest = [product.product_id for product in arrivals.take(100)]
    assert answered + rest == [f"p{i}" for i in range(100)]


def test_a_trickle_runs_dry(client: ServingClient) -> None:
    arrivals = Arrivals(products(9))
    with Trickle(arrivals, connect, most=4, pause_seconds=0.001) as trickle:
        eventually(lambda: len(trickle.answers) == 4)
    assert len(arrivals.take(9)) == 5


def test_what_stops_a_trickle_is_told(client: ServingClient) -> None:
    unreadable = [replace(products(1)[0], title="")]
    with (
        pytest.raises(InvalidInput),
        Trickle(Arrivals(unreadable), connect, most=1, pause_seconds=0.001) as trickle,
    ):
        eventually(lambda: trickle._error is not None)
