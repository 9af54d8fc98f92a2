"""What was answered is in PostgreSQL exactly once, whoever is killed meanwhile."""

import base64
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import make_url

from ml.domain.digests import digest_bytes
from ml.domain.products import picture_key
from ml.serving.client import ProductRequest
from ml.wiring.secrets import load_secrets
from tests.embedded import EmbeddedPostgres
from tests.fakes.bundles import contrary_bundle, tiny_bundle
from tests.fakes.serving import eventually, jpeg
from tests.integration.serving.conftest import Server

LATE = datetime(2099, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def ask(server: Server, count: int) -> dict[str, str]:
    """Classify new products from four clients that repeat a request whose answer was lost.

    Returns prediction ids by product.
    """
    run = uuid.uuid4().hex[:8]

    def one(number: int) -> tuple[str, str]:
        product = ProductRequest(
            product_id=f"{run}-{number}", title=f"book {number}", request_id=f"{run} {number}"
        )
        return product.product_id, client.classify(product)["prediction_id"]

    with server.client() as client, ThreadPoolExecutor(4) as pool:
        return dict(pool.map(one, range(count)))


@contextmanager
def unreachable(server: Server, postgres: EmbeddedPostgres) -> Iterator[None]:
    """PostgreSQL turns regain's database away and cuts what is connected."""
    name = make_url(server.settings.database_url.get_secret_value()).database
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", cut)
    try:
        yield
    finally:
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def assert_logged_once(server: Server, answered: dict[str, str], *, before: int) -> None:
    """`before` predictions were in the log; now these are, and nothing else is or will be."""
    expected = before + len(answered)
    eventually(lambda: server.services.predictions.count() >= expected, seconds=20)
    eventually(lambda: server.spooled() == 0, seconds=20)
    assert server.services.predictions.count() == expected
    for product_id, prediction_id in answered.items():
        assert server.services.predictions.get(prediction_id).product.product_id == product_id


def answered_requests(server: Server) -> float:
    """How many products were answered, as Prometheus would read it from any worker."""
    text = httpx.get(f"{server.url}/metrics").text
    wanted = 'regain_requests_total{method="POST",route="/v1/classify",status="200"} '
    return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if wanted in line)


def test_workers_killed_in_mid_traffic_lose_and_double_nothing(server: Server) -> None:
    before = server.services.predictions.count()
    answered: dict[str, str] = {}
    traffic = threading.Thread(target=lambda: answered.update(ask(server, 400)))
    traffic.start()
    kills = 0
    while traffic.is_alive() and kills < 2:
        traffic.join(0.3)
        if len(server.workers()) == 2:
            server.kill_worker(kills % 2)
            kills += 1
    traffic.join(120)
    assert kills >= 1
    assert len(answered) == 400
    assert_logged_once(server, answered, before=before)


def test_a_server_killed_while_postgresql_is_away_loses_nothing(
    server: Server, postgres: EmbeddedPostgres
) -> None:
    before = server.services.predictions.count()
    with unreachable(server, postgres):
        answered = ask(server, 60)
        assert server.spooled() == 60
        server.kill_all()
        server.start()  # serves the last known champion
        answered |= ask(server, 40)
    assert_logged_once(server, answered, before=before)


def test_a_picture_answered_before_a_kill_is_in_the_object_store(
    server: Server, postgres: EmbeddedPostgres
) -> None:
    before = server.services.predictions.count()
    picture = jpeg()
    with unreachable(server, postgres):
        product = ProductRequest(product_id="p", title="book", picture=picture)
        with server.client() as client:
            prediction_id = client.classify(product)["prediction_id"]
        server.kill_all()
    server.start()
    assert_logged_once(server, {"p": prediction_id}, before=before)
    assert server.services.objects.get(picture_key(digest_bytes(picture))) == picture


def test_a_swap_reaches_every_worker_without_a_failed_request(server: Server) -> None:
    before = server.services.predictions.count()
    answered: dict[str, str] = {}
    traffic = threading.Thread(target=lambda: answered.update(ask(server, 300)))
    traffic.start()
    server.publish(replace(tiny_bundle(), temperature=2.0), version=2)
    traffic.join(60)
    assert len(answered) == 300

    def versions() -> set[int]:
        return {httpx.get(f"{server.url}/readyz").json()["model_version"] for _ in range(10)}

    eventually(lambda: versions() == {2})
    assert_logged_once(server, answered, before=before)


def test_fifty_megabytes_are_refused_and_the_worker_lives(server: Server) -> None:
    headers = {"X-API-Key": load_secrets(server.settings.state).api_key}
    workers = set(server.workers())
    image = base64.b64encode(b"\0" * 50_000_000).decode()
    response = httpx.post(
        f"{server.url}/v1/classify",
        json={"product_id": "p", "image": image},
        headers=headers,
        timeout=60,
    )
    assert response.status_code == 413
    assert set(server.workers()) == workers


def test_metrics_of_both_workers_are_added_up(server: Server) -> None:
    before = server.services.predictions.count()
    counted = answered_requests(server)
    answered = ask(server, 50)
    assert answered_requests(server) == counted + 50
    server.kill_worker()
    eventually(lambda: len(server.workers()) == 2, seconds=20)
    assert answered_requests(server) == counted + 50
    assert_logged_once(server, answered, before=before)


@contextmanager
def on_trial(server: Server, version: int) -> Iterator[str]:
    """A challenger that says the contrary of everything; every disagreement is put to people."""
    both = {"shadow_share": 1.0, "label_probability": 1.0}
    server.challenge(contrary_bundle(), version=version, share=0.5, **both)
    gauge = "regain_challenger_version"
    eventually(lambda: list(server.gauges(gauge).values()) == [version] * 2, seconds=20)
    challenger = server.services.ledger.rollout().challenger
    assert challenger is not None
    try:
        yield challenger.experiment
    finally:
        server.roll_back(version=version)


def scored(server: Server, answered: dict[str, str]) -> list[str]:
    """Predictions that both models scored."""
    shadows = server.services.shadows
    return [each for each in answered.values() if shadows.get(each) is not None]


def counts(server: Server, experiment: str) -> tuple[int, int]:
    return server.services.shadows.counts(experiment, after=0, until=2**62)


def test_workers_killed_during_a_trial_lose_no_answer_and_double_no_score(server: Server) -> None:
    """What waited in a dead worker's memory is not scored; what it scored is stored once."""
    before = server.services.predictions.count()
    answered: dict[str, str] = {}
    with on_trial(server, 11) as experiment:
        traffic = threading.Thread(target=lambda: answered.update(ask(server, 300)))
        traffic.start()
        traffic.join(0.5)
        server.kill_worker()
        traffic.join(120)
        assert_logged_once(server, answered, before=before)
        found = scored(server, answered)
        assert len(found) > 100
        assert counts(server, experiment) == (len(found), len(found))
        drawn = server.services.shadows.drawn(experiment, after=0, as_of=LATE)
        assert sorted(drawn.column("prediction_id").to_pylist()) == sorted(found)


def test_a_server_killed_while_postgresql_is_away_loses_no_score(
    server: Server, postgres: EmbeddedPostgres
) -> None:
    before = server.services.predictions.count()
    with on_trial(server, 12) as experiment:
        with unreachable(server, postgres):
            answered = ask(server, 40)
            eventually(lambda: server.spooled() == 80, seconds=20)
            server.kill_all()
        server.start()
        assert_logged_once(server, answered, before=before)
        assert len(scored(server, answered)) == 40
        assert counts(server, experiment) == (40, 40)
