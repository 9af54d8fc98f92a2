"""Products arriving over HTTP: a stretch at once, or a trickle beside something else."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ml.demo.plan import Arrivals
from ml.domain.errors import NotFound
from ml.domain.predictions import Arm
from ml.serving.client import ProductRequest, ServingClient
from ml.simulation.items import SimulatedProduct

CLIENTS = 4
TRICKLE_SECONDS = 0.05


@dataclass(frozen=True)
class Answered:
    """A product with the answer it got; the truth is known to the simulation only.

    `heard_at` is the wall clock's time at which the answer was here.
    """

    product: SimulatedProduct
    prediction_id: str
    category: str
    confidence: float
    model_version: int
    arm: Arm
    needs_review: bool
    heard_at: datetime

    @property
    def correct(self) -> bool:
        return self.category == self.product.category


def send(
    products: Sequence[SimulatedProduct],
    client: ServingClient,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Answered]:
    """Classify the products in order of arrival; a request that is repeated answers once.

    Every product is sent at its own `listed_at`, the simulated time of the request.
    """

    def classify(product: SimulatedProduct) -> Answered:
        answered = _classify(product, client)
        on_answer()
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(classify, products))


class Trickle:
    """Products that go on arriving, one by one, until the block ends or `most` have come.

    Each comes over a connection of its own, so that every serving worker gets its share. An error
    on the way is raised when the block ends.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        connect: Callable[[], ServingClient],
        *,
        most: int,
        pause_seconds: float = TRICKLE_SECONDS,
    ) -> None:
        self.answers: list[Answered] = []
        self._arrivals = arrivals
        self._connect = connect
        self._most = most
        self._pause = pause_seconds
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._flow, name="trickle", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _flow(self) -> None:
        try:
            while not self._ended.is_set() and len(self.answers) < self._most:
                for product in self._arrivals.take(1):
                    with self._connect() as client:
                        self.answers.append(_classify(product, client))
                time.sleep(self._pause)
        except Exception as error:
            self._error = error


def lost(answers: Sequence[Answered], client: ServingClient) -> list[str]:
    """Ids of answered predictions that the log does not have."""

    def is_logged(answered: Answered) -> bool:
        try:
            client.prediction(answered.prediction_id)
        except NotFound:
            return False
        return True

    with ThreadPoolExecutor(CLIENTS) as pool:
        logged = pool.map(is_logged, answers)
        return [a.prediction_id for a, found in zip(answers, logged, strict=True) if not found]


def _classify(product: SimulatedProduct, client: ServingClient) -> Answered:
    answer = client.classify(_request(product))
    return _answered(product, answer)


def _request(product: SimulatedProduct) -> ProductRequest:
    at: datetime = product.listed_at
    return ProductRequest(
        product_id=product.product_id,
        title=product.title,
        description=product.description,
        picture=product.picture,
        listed_at=at,
        at=at,
        request_id=f"demo-{product.product_id}",
    )


def _answered(product: SimulatedProduct, answer: dict[str, Any]) -> Answered:
    return Answered(
        product=product,
        prediction_id=answer["prediction_id"],
        category=answer["category"],
        confidence=answer["confidence"],
        model_version=answer["model_version"],
        arm=Arm(answer["arm"]),
        needs_review=answer["needs_review"],
        heard_at=datetime.now(UTC),
    )
