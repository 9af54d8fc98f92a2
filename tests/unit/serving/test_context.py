import threading

import anyio
import pytest

from ml.serving.context import PredictionThreads
from ml.serving.errors import Refused


async def fill(threads: PredictionThreads, count: int) -> None:
    """Start `count` requests that do not end, and ask one more; then let all end."""
    done = threading.Event()
    try:
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(threads.run, lambda: done.wait(10))
            await anyio.wait_all_tasks_blocked()
            try:
                await threads.run(lambda: None)
            finally:
                done.set()
    finally:
        done.set()


def test_a_full_queue_refuses_at_once() -> None:
    threads = PredictionThreads(threads=1, max_waiting=2)
    with pytest.raises(ExceptionGroup) as caught:
        anyio.run(fill, threads, 3)
    (refused,) = caught.value.exceptions
    assert isinstance(refused, Refused)
    assert (refused.status_code, refused.headers) == (503, {"Retry-After": "1"})
    assert anyio.run(threads.run, lambda: "answered") == "answered"
