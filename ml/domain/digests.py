"""Content digests: the same content has the same name, wherever and whenever it is written."""

import hashlib
import json
from collections.abc import Mapping

_MANTISSA_BITS = 53  # of a float, so that no number below ever rounds up to 1


def digest_of(*parts: object) -> str:
    """SHA-256 (64 hex characters) of the parts as canonical JSON.

    Parts are strings, numbers, booleans, None, or nested lists and mappings of them.

    >>> digest_of("a", 1)[:12] == digest_of("a", 1)[:12] != digest_of("a1")[:12]
    True
    """
    canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def digest_bytes(data: bytes) -> str:
    """SHA-256 (64 hex characters) of raw bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_files(files: Mapping[str, bytes]) -> str:
    """SHA-256 of a set of named files, independent of their order."""
    return digest_of(*[[name, digest_bytes(files[name])] for name in sorted(files)])


def uniform_of(*parts: object) -> float:
    """A number in [0, 1) that looks random and is the same for ever; parts as of `digest_of`."""
    leading = int(digest_of(*parts)[:16], 16)
    return (leading >> (64 - _MANTISSA_BITS)) / 2.0**_MANTISSA_BITS
