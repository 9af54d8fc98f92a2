"""URLs of real services: checked when settings are read, and shown without their passwords.

A check raises ValueError with a remedy and without the URL, which may hold a password.
"""

import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

_SECRET_IN_QUERY = re.compile(r"([?&][^=&#]*(?:pass|secret|token)[^=&#]*=)[^&#]*", re.IGNORECASE)


def without_password(url: str) -> str:
    """The URL as it may be shown.

    >>> without_password("postgresql://me:secret@db:5432/regain")
    'postgresql://me:***@db:5432/regain'
    >>> without_password("postgresql:///regain?user=me&password=secret&host=db")
    'postgresql:///regain?user=me&password=***&host=db'
    """
    url = _SECRET_IN_QUERY.sub(r"\1***", url)
    parts = urlsplit(url)
    if parts.password is None:
        return url
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{address}").geturl()


def _check(url: str, example: str, is_fine: Callable[[SplitResult], bool]) -> None:
    try:
        parts = urlsplit(url)
        fine = is_fine(parts) and parts.port != 0  # reading a port that is none raises ValueError
    except ValueError:
        fine = False
    if not fine or any(character.isspace() for character in url):
        raise ValueError(f"is not understood; write it like {example}")


def _database(url: SecretStr) -> SecretStr:
    _check(
        url.get_secret_value(),
        "postgresql://user:password@host:5432/database (a password's special characters as %xx)",
        lambda parts: parts.scheme in ("postgresql", "postgresql+psycopg2") and len(parts.path) > 1,
    )
    return url


def _redis(url: SecretStr) -> SecretStr:
    _check(
        url.get_secret_value(),
        "redis://:password@host:6379/0, rediss://... or unix:///path/of/its.sock",
        lambda parts: (
            len(parts.path) > 1
            if parts.scheme == "unix"
            else parts.scheme in ("redis", "rediss") and bool(parts.hostname)
        ),
    )
    return url


def _objects(url: str) -> str:
    _check(
        url,
        "file:///absolute/folder or s3://bucket/prefix",
        lambda parts: (
            bool(parts.netloc)
            if parts.scheme == "s3"
            else parts.scheme == "file"
            and parts.netloc in ("", "localhost")
            and len(parts.path) > 1
        ),
    )
    return url


def _http(url: str) -> str:
    _check(
        url,
        "https://host:port/path",
        lambda parts: parts.scheme in ("http", "https") and bool(parts.hostname),
    )
    return url.rstrip("/")  # paths are appended to it


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
ObjectsUrl = Annotated[str, AfterValidator(_objects)]
HttpUrl = Annotated[str, AfterValidator(_http)]
