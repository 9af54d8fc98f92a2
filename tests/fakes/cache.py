"""The prediction cache in memory."""

from collections.abc import Mapping, Sequence


class InMemoryPredictionCache:
    """Set `down` and every look-up is a miss, as with an unreachable Redis."""

    def __init__(self) -> None:
        self.down = False
        self.misses_by_error = 0
        self._entries: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        if self.down:
            self.misses_by_error += len(keys)
            return [None] * len(keys)
        return [self._entries.get(key) for key in keys]

    def put(self, entries: Mapping[str, bytes]) -> None:
        if not self.down:
            self._entries.update(entries)
