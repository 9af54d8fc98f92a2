"""The prediction cache in memory."""

from collections.abc import Callable, Mapping, Sequence


class InMemoryPredictionCache:
    """Set `down` and every look-up is a miss, as with an unreachable Redis."""

    def __init__(self, on_error: Callable[[int], object] = lambda _: None) -> None:
        self.down = False
        self._on_error = on_error
        self._entries: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        if self.down:
            self._on_error(len(keys))
            return [None] * len(keys)
        return [self._entries.get(key) for key in keys]

    def put(self, entries: Mapping[str, bytes]) -> None:
        if not self.down:
            self._entries.update(entries)
