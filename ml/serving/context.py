"""What the routes of one worker share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from ml.serving.errors import Refused
from ml.serving.inputs import InputReader
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore
from ml.serving.predict import Predictor
from ml.wiring.build import Services
from ml.wiring.config import Settings

T = TypeVar("T")


class PredictionThreads:
    """A few threads that predict and a bounded queue before them; other routes never wait."""

    def __init__(self, *, threads: int, max_waiting: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._max_waiting = max_waiting

    async def run(self, work: Callable[[], T]) -> T:
        """Run in a thread; raises Refused at once when too many wait already."""
        if self._limiter.statistics().tasks_waiting >= self._max_waiting:
            raise Refused(
                503,
                "too many requests are waiting",
                remedy="try again in a second, or send batches",
                headers={"Retry-After": "1"},
            )
        return await to_thread.run_sync(work, limiter=self._limiter)


@dataclass(frozen=True)
class Context:
    """The parts of one worker."""

    settings: Settings
    services: Services
    api_key: str = field(repr=False)
    reviewer_key: str = field(repr=False)
    metrics: Metrics
    models: ModelStore
    inputs: InputReader
    predictor: Predictor
    threads: PredictionThreads
    clock: Callable[[], datetime]


def context_of(request: Request) -> Context:
    """The context of the app that got this request."""
    context: Context = request.app.state.context
    return context


async def current_context(request: Request) -> Context:
    """As a dependency; asynchronous, so that it costs no thread."""
    return context_of(request)
