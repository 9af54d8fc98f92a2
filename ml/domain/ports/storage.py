"""Where bytes lie, and what may be forgotten."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class ObjectStore(Protocol):
    """Bytes under keys such as `pictures/ab/abcd...`; a key is written whole or not at all."""

    def put(self, key: str, data: bytes) -> str:
        """Store the bytes, replacing what is there, and return the object's URI."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes; raises NotFound."""
        ...

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below a prefix, sorted."""
        ...

    def uri(self, key: str) -> str: ...

    def key(self, uri: str) -> str:
        """Key of a URI of this store; raises InvalidInput for any other URI (or one with `..`)."""
        ...


class PredictionCache(Protocol):
    """Cached probabilities; a lost or unreachable cache is a miss, never an error."""

    def get(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put(self, entries: Mapping[str, bytes]) -> None: ...
