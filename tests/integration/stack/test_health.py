"""Probes against a small server on loopback."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ml.stack.health import probe_address, probe_airflow, probe_http
from ml.stack.layout import Layout

pytestmark = pytest.mark.integration

REPORT = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {
        "status": "healthy",
        "latest_scheduler_heartbeat": "2026-01-05T12:00:00.5+00:00",
    },
    "triggerer": {"status": "unhealthy", "latest_triggerer_heartbeat": None},
}
BEAT = 1767614400.5  # the heartbeat above


class Handler(BaseHTTPRequestHandler):
    """Airflow's health, what else may answer in its place, and a page behind a password."""

    def do_GET(self) -> None:
        bodies = {
            "/api/v2/monitor/health": json.dumps(REPORT).encode(),
            "/page/api/v2/monitor/health": b"<html>welcome</html>",
            "/list/api/v2/monitor/health": b"[]",
            "/beat/api/v2/monitor/health": (
                b'{"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "now"}}'
            ),
        }
        if self.headers["Authorization"] == f"Basic {b64encode(b'me:open sesame').decode()}":
            bodies["/private"] = b"welcome"
        found = self.path in bodies
        body = bodies.get(self.path, b"no")
        self.send_response(200 if found else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path / "sockets")
    made.make(shared_group=None)
    return made


def test_an_answer_is_told_from_a_refusal_and_from_silence(url: str) -> None:
    assert probe_http(f"{url}/api/v2/monitor/health") is None
    assert probe_http(f"{url}/healthz") == "answers 503"
    assert probe_http("http://127.0.0.1:1") == "does not answer (Connection refused)"
    assert probe_address(url) is None
    assert probe_address("redis://127.0.0.1:1") == "does not answer (Connection refused)"


@pytest.mark.parametrize(
    ("component", "fault"),
    [
        ("metadatabase", None),
        ("scheduler", None),
        ("triggerer", "its heartbeat is unhealthy"),
        ("dag_processor", "its heartbeat is missing"),
    ],
)
def test_airflows_components_are_judged_by_their_heartbeats(
    url: str, layout: Layout, component: str, fault: str | None
) -> None:
    assert probe_airflow(url, component, layout, "any") == fault


@pytest.mark.parametrize(
    ("started", "fault"), [(BEAT - 60, None), (BEAT + 60, "no heartbeat since its start")]
)
def test_the_heartbeat_of_a_predecessor_does_not_count(
    url: str, layout: Layout, started: float, fault: str | None
) -> None:
    record = {"pid": 1, "started": started}
    (layout.pids / "airflow-scheduler.json").write_text(json.dumps(record))
    assert probe_airflow(url, "scheduler", layout, "airflow-scheduler") == fault


def test_an_api_server_that_is_away_is_named(layout: Layout) -> None:
    fault = probe_airflow("http://127.0.0.1:1", "scheduler", layout, "airflow-scheduler")
    assert fault == "its api-server does not answer (Connection refused)"


def test_a_password_in_the_url_is_sent(url: str) -> None:
    assert probe_http(f"{url}/private") == "answers 503"
    assert probe_http(f"{url.replace('//', '//me:open%20sesame@')}/private") is None


@pytest.mark.parametrize("place", ["page", "list", "beat"])
def test_what_is_not_airflows_health_is_a_fault(url: str, layout: Layout, place: str) -> None:
    fault = probe_airflow(f"{url}/{place}", "scheduler", layout, "airflow-scheduler")
    assert fault == "its api-server answers something else than Airflow's health"
