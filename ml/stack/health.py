"""Probes of what the stack runs, and of the real services that stand in for parts of it."""

import json
import re
import socket
import ssl
from datetime import datetime
from functools import cache
from urllib.parse import urlsplit

import httpx

from ml.stack.layout import Layout
from ml.stack.processes import read_record

_TIMEOUT_SECONDS = 2.0
_ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_DEFAULT_PORTS = {"postgresql": 5432, "redis": 6379, "rediss": 6379, "https": 443, "http": 80}


def probe_http(url: str) -> str | None:
    """None when the URL answers with success, else why it does not."""
    return _get(url)[1]


def _get(url: str) -> tuple[bytes, str | None]:
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS, follow_redirects=True, verify=_trust())
    except httpx.HTTPError as error:
        return b"", f"does not answer ({_ERROR_NUMBER.sub('', str(error)) or type(error).__name__})"
    fault = None if answer.is_success else f"answers {answer.status_code}"
    return answer.content, fault


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted, read once: reading them takes longer than a probe."""
    return httpx.create_ssl_context()


def probe_airflow(url: str, component: str, layout: Layout, service: str) -> str | None:
    """Health of one Airflow component, by the heartbeat that the api-server reports.

    A heartbeat older than the component's process tells of its predecessor, so it does not count.
    """
    body, fault = _get(f"{url}/api/v2/monitor/health")
    if fault is not None:
        return f"its api-server {fault}"
    try:
        report = json.loads(body).get(component) or {}
        status, beat = report.get("status"), report.get(f"latest_{component}_heartbeat")
        beaten_at = datetime.fromisoformat(beat).timestamp() if beat is not None else None
    except (ValueError, TypeError, AttributeError):
        return "its api-server answers something else than Airflow's health"
    if status != "healthy":
        return f"its heartbeat is {status or 'missing'}"
    entry = read_record(layout.pids / f"{service}.json")
    if beaten_at is None or entry is None:
        return None
    return None if beaten_at >= entry.started else "no heartbeat since its start"


def probe_address(url: str) -> str | None:
    """None when something accepts connections where a database or Redis URL points."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    if parts.hostname is None:
        return None  # a Unix socket: its path is the driver's affair
    try:
        address = (parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme, 0))
        socket.create_connection(address, timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        return f"does not answer ({error.strerror or error})"
    return None
