"""A decision in the ledger reaches every worker by PostgreSQL's news, long before it is polled."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from ml.serving.client import ProductRequest
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import eventually
from tests.integration.serving.conftest import Server

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CLIENTS = 4
POLLED = 600  # seconds between the workers' looks at the ledger
PROMPT = 2.0  # seconds; it takes milliseconds where the machine has time


@dataclass(frozen=True)
class Answer:
    asked_at: float  # monotonic seconds
    arm: str
    model_version: int
    confidence: float


@contextmanager
def traffic(server: Server, *, product_ids: int | None = None) -> Iterator[list[Answer]]:
    """Products asked without a pause, new ones or some again and again.

    A request that is not answered fails the test.
    """
    answers: list[Answer] = []
    done = threading.Event()

    def ask() -> None:
        with server.client(patience_seconds=0) as client:
            while not done.is_set():
                asked_at = time.monotonic()
                number = str(len(answers) % product_ids) if product_ids else uuid.uuid4().hex
                answer = client.classify(ProductRequest(product_id=number, title="a good book"))
                told = answer["arm"], answer["model_version"], answer["confidence"]
                answers.append(Answer(asked_at, *told))

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(ask) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            done.set()
        for each in asking:
            each.result()


def seconds_until(server: Server, gauge: str, version: int) -> float:
    """How long until every worker says that it serves this version."""
    started = time.monotonic()
    eventually(lambda: list(server.gauges(gauge).values()) == [version, version], seconds=20)
    return time.monotonic() - started


def after(answers: list[Answer], moment: float) -> set[tuple[str, int]]:
    return {(each.arm, each.model_version) for each in answers if each.asked_at > moment}


def test_a_rollback_stops_the_challenger_in_every_worker(listening_server: Server) -> None:
    server = listening_server
    assert server.settings.refresh_seconds == POLLED
    with traffic(server) as answers:
        server.challenge(replace(tiny_bundle(), temperature=2.0), version=2, share=0.5)
        seconds_until(server, "regain_challenger_version", 2)
        on_trial = time.monotonic()
        time.sleep(0.5)
        assert after(answers, on_trial) == {("champion", 1), ("challenger", 2)}
        server.roll_back(version=2)
        assert seconds_until(server, "regain_challenger_version", 0) < PROMPT
        stopped = time.monotonic()
        time.sleep(0.5)
    assert after(answers, stopped) == {("champion", 1)}


def test_a_champion_rolled_back_gives_way_to_the_one_before(listening_server: Server) -> None:
    server = listening_server
    with traffic(server) as answers:
        server.publish(replace(tiny_bundle(), temperature=3.0), version=3)
        seconds_until(server, "regain_model_version", 3)
        server.roll_back(version=3)
        assert seconds_until(server, "regain_model_version", 1) < PROMPT
        stopped = time.monotonic()
        time.sleep(0.5)
    assert after(answers, stopped) == {("champion", 1)}


def test_a_champion_rolled_back_from_its_watch_is_heard_of_no_more(
    listening_server: Server,
) -> None:
    """Each product is asked again and again, so that both versions' answers are cached."""
    server = listening_server
    shadow = {"shadow_share": 1.0, "label_probability": 1.0}
    server.publish(replace(tiny_bundle(), temperature=6.0), version=6, **shadow)
    seconds_until(server, "regain_model_version", 6)
    with traffic(server, product_ids=20) as answers:
        began = time.monotonic()
        time.sleep(0.5)
        assert after(answers, began) == {("champion", 6)}
        server.roll_back(version=6)
        assert seconds_until(server, "regain_model_version", 1) < PROMPT
        stopped = time.monotonic()
        time.sleep(0.5)
    assert after(answers, stopped) == {("champion", 1)}
    later = {each.confidence for each in answers if each.asked_at > stopped}
    earlier = {each.confidence for each in answers if each.model_version == 6}
    assert len(later) == 1
    assert not later & earlier


def test_a_worker_that_replaces_a_killed_one_joins_the_trial(listening_server: Server) -> None:
    server = listening_server
    server.challenge(replace(tiny_bundle(), temperature=4.0), version=4, share=0.5)
    seconds_until(server, "regain_challenger_version", 4)
    before = set(server.workers())
    server.kill_worker()
    eventually(lambda: len(set(server.workers()) - before) == 1, seconds=20)
    (new,) = set(server.workers()) - before
    eventually(lambda: server.gauges("regain_challenger_version").get(new) == 4, seconds=20)
    server.roll_back(version=4)
    assert seconds_until(server, "regain_challenger_version", 0) < PROMPT
