"""The prediction cache in Redis: nothing in it can't be lost, so an error is a miss."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

_PREFIX = "regain:prediction:"
_TIMEOUT_SECONDS = 0.1  # a cache slower than that costs more than it saves
_PAUSE_SECONDS = 1.0


class RedisPredictionCache:
    """Cached probabilities by key.

    After an error Redis is left alone for a second, so that a dead one does not slow every
    answer. `on_error` is told how many keys were looked up in vain, each time that happens.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl_seconds: int,
        on_error: Callable[[int], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._ttl_seconds = ttl_seconds
        self._on_error = on_error
        self._clock = clock
        self._paused_until = float("-inf")

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is cached under each key; None for a miss, whatever its cause."""
        if not keys:
            return []
        if not self._paused():
            try:
                found = self._redis.mget([_PREFIX + key for key in keys])
                return cast("list[bytes | None]", found)  # str only for clients that decode
            except RedisError:
                self._pause()
        self._on_error(len(keys))
        return [None] * len(keys)

    def put(self, entries: Mapping[str, bytes]) -> None:
        """Keep the entries for `ttl_seconds`, if Redis is there."""
        if not entries or self._paused():
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for key, value in entries.items():
                    pipeline.set(_PREFIX + key, value, ex=self._ttl_seconds)
                pipeline.execute()
        except RedisError:
            self._pause()

    def close(self) -> None:
        self._redis.close()

    def _paused(self) -> bool:
        return self._clock() < self._paused_until

    def _pause(self) -> None:
        self._paused_until = self._clock() + _PAUSE_SECONDS
