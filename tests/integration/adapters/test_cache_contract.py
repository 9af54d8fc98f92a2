"""The contract of PredictionCache: a lost or unreachable cache is a miss, never an error."""

import socket
import time

import pytest
import redis

from ml.adapters.cache import RedisPredictionCache
from tests.fakes import InMemoryPredictionCache


@pytest.fixture
def errors():
    """How many keys were looked up in vain, each time."""
    return []


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
def cache(request, errors):
    if request.param == "fake":
        yield InMemoryPredictionCache(errors.append)
        return
    url = request.getfixturevalue("redis_url")
    cache = RedisPredictionCache(url, ttl_seconds=60, on_error=errors.append)
    yield cache
    cache.close()


def test_entries_come_back_in_the_order_asked(cache, errors):
    cache.put({"a": b"\0\xff", "b": b""})
    assert cache.get(["b", "c", "a"]) == [b"", None, b"\0\xff"]
    assert errors == []


def test_nothing_asked_is_nothing_found(cache):
    cache.put({})
    assert cache.get([]) == []


@pytest.mark.integration
def test_entries_end_with_their_life(redis_url):
    cache = RedisPredictionCache(redis_url, ttl_seconds=1)
    cache.put({"a": b"x"})
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys()
        assert 0 < client.pttl(key) <= 1000
    cache.close()


@pytest.mark.integration
def test_an_unreachable_redis_is_a_miss(tmp_path, errors):
    url = f"unix://{tmp_path}/nobody.sock"
    cache = RedisPredictionCache(url, ttl_seconds=60, on_error=errors.append)
    cache.put({"a": b"x"})
    assert cache.get(["a", "b"]) == [None, None]
    assert errors == [2]


@pytest.mark.integration
def test_a_redis_that_hangs_costs_one_time_out_a_second(tmp_path, errors):
    """It accepts connections and never answers."""
    now = [0.0]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "redis.sock"))
        server.listen()
        url = f"unix://{tmp_path}/redis.sock"
        cache = RedisPredictionCache(
            url, ttl_seconds=60, on_error=errors.append, clock=lambda: now[0]
        )
        start = time.monotonic()
        for _ in range(100):
            assert cache.get(["a"]) == [None]
            cache.put({"a": b"x"})
        assert time.monotonic() - start < 1
        cache.close()
    assert errors == [1] * 100


@pytest.mark.integration
def test_a_redis_that_came_back_is_used_again(redis_url, tmp_path):
    now = [0.0]
    link = tmp_path / "redis.sock"
    cache = RedisPredictionCache(f"unix://{link}", ttl_seconds=60, clock=lambda: now[0])
    assert cache.get(["a"]) == [None]

    link.symlink_to(redis_url.removeprefix("unix://"))
    cache.put({"a": b"still paused"})
    assert cache.get(["a"]) == [None]
    now[0] += 1.5
    cache.put({"a": b"x"})
    assert cache.get(["a"]) == [b"x"]
    cache.close()
