"""Products arriving over HTTP, a few at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.domain.errors import NotFound
from ml.serving.client import ProductRequest, ServingClient
from ml.simulation.items import SimulatedProduct

CLIENTS = 4


@dataclass(frozen=True)
class Answered:
    """A product with the answer it got; the truth is known to the simulation only."""

    product: SimulatedProduct
    prediction_id: str
    category: str
    confidence: float
    model_version: int
    needs_review: bool

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
        answer = client.classify(_request(product))
        on_answer()
        return _answered(product, answer)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(classify, products))


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
        needs_review=answer["needs_review"],
    )
