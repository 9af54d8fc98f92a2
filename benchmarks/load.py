"""Clients that ask the serving API for products without a pause, and what they were told."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ml.domain.errors import RegainError
from ml.serving.client import ProductRequest, ServingClient

CLIENTS = 8


@dataclass(frozen=True)
class Answer:
    """What a client got; times by the wall clock."""

    heard_at: float
    product: int
    version: int
    arm: str
    confidence: float


@dataclass
class Load:
    """Clients that ask for products without a pause, on their own threads."""

    url: str
    api_key: str
    titles: Sequence[str]
    answers: list[Answer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _ask(self, seed: int) -> None:
        rng = random.Random(seed)
        with ServingClient(self.url, api_key=self.api_key) as client:
            while not self._done.is_set():
                number = rng.randrange(len(self.titles))
                product = ProductRequest(product_id=f"p{number}", title=self.titles[number])
                try:
                    told = client.classify(product)
                except RegainError as error:
                    self.failed.append(str(error))
                    continue
                self.answers.append(
                    Answer(
                        time.time(),
                        number,
                        told["model_version"],
                        told["arm"],
                        told["confidence"],
                    )
                )
