"""An object store in a dictionary."""

from collections.abc import Iterator

from ml.domain.errors import InvalidInput, NotFound


class InMemoryObjectStore:
    """URIs look like `memory://store/<key>`."""

    _base = "memory://store/"

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> str:
        self._objects[_checked(key)] = bytes(data)
        return self.uri(key)

    def get(self, key: str) -> bytes:
        try:
            return self._objects[_checked(key)]
        except KeyError:
            raise NotFound(f"object {key!r} does not exist") from None

    def exists(self, key: str) -> bool:
        return _checked(key) in self._objects

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self._objects if key.startswith(prefix))

    def uri(self, key: str) -> str:
        return self._base + _checked(key)

    def key(self, uri: str) -> str:
        if not uri.startswith(self._base):
            raise InvalidInput(f"{uri!r} is not in the object store {self._base}")
        return _checked(uri.removeprefix(self._base))


def _checked(key: str) -> str:
    if any(ord(c) < 32 for c in key) or any(p[:1] in ("", ".") for p in key.split("/")):
        raise InvalidInput(f"object key {key!r} is not a plain relative path")
    if len(key.encode()) > 1_024 or any(len(part.encode()) > 255 for part in key.split("/")):
        raise InvalidInput(f"object key {key[:100]!r}... is too long")
    return key
