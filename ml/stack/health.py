"""Probes of what the stack runs, and of the real services that stand in for parts of it."""

import http.client
import json
import socket
import urllib.error
import urllib.request
from datetime import datetime
from urllib.parse import urlsplit

from ml.stack.layout import Layout
from ml.stack.processes import read_record

_TIMEOUT_SECONDS = 2.0
_DEFAULT_PORTS = {"postgresql": 5432, "redis": 6379, "rediss": 6379, "https": 443, "http": 80}


def probe_http(url: str) -> str | None:
    """None when the URL answers with success, else why it does not."""
    return _get(url)[1]


def _get(url: str) -> tuple[bytes, str | None]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.read(), None
    except urllib.error.HTTPError as error:
        with error:
            return b"", f"answers {error.code}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return b"", f"does not answer ({getattr(reason, 'strerror', None) or reason})"


def probe_airflow(url: str, component: str, layout: Layout, service: str) -> str | None:
    """Health of one Airflow component, by the heartbeat that the api-server reports.

    A heartbeat older than the component's process tells of its predecessor, so it does not count.
    """
    body, fault = _get(f"{url}/api/v2/monitor/health")
    if fault is not None:
        return f"its api-server {fault}"
    report = json.loads(body).get(component) or {}
    if report.get("status") != "healthy":
        return f"its heartbeat is {report.get('status') or 'missing'}"
    beat = report.get(f"latest_{component}_heartbeat")
    entry = read_record(layout.pids / f"{service}.json")
    if beat is None or entry is None:
        return None
    since_start = datetime.fromisoformat(beat).timestamp() >= entry.started
    return None if since_start else "no heartbeat since its start"


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


def without_password(url: str) -> str:
    """The URL as it may be shown.

    >>> without_password("postgresql://me:secret@db:5432/regain")
    'postgresql://me:***@db:5432/regain'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{address}").geturl()
