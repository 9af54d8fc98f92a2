"""Ports that somebody else already listens on, found before anything starts."""

from collections.abc import Iterable, Mapping

import psutil

from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.stack.service import Service

_EVERYWHERE = {"127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"}


def listeners() -> dict[int, int | None]:
    """Loopback ports that something listens on, with its pid (None when it is hidden from us)."""
    return {
        connection.laddr.port: connection.pid
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.ip in _EVERYWHERE
    }


def check_ports(services: Iterable[Service], taken: Mapping[int, int | None]) -> None:
    """Raise ServiceUnavailable for the first port in use, InvalidInput for one named twice."""
    owners: dict[int, str] = {}
    for service in services:
        for setting, port in service.ports.items():
            variable = f"REGAIN_{setting.upper()}"
            if port in owners:
                raise InvalidInput(f"{owners[port]} and {variable} are both {port}; change one")
            owners[port] = variable
            if port in taken:
                raise ServiceUnavailable(
                    f"port {port} ({service.name}) is in use by {_describe(taken[port])}; stop it "
                    f"or set {variable}={_free_port(port, taken)}"
                )


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        return f"pid {pid} ({psutil.Process(pid).name()})"
    except psutil.Error:
        return f"pid {pid}"


def _free_port(port: int, taken: Mapping[int, int | None]) -> int:
    later = range(port + 1, 65536)
    return next((candidate for candidate in later if candidate not in taken), port)
