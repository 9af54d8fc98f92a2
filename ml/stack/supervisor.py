"""supervisord: its configuration, its start, and the calls it answers on a Unix socket."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.stack.child import inherited_environment
from ml.stack.layout import Layout
from ml.stack.processes import SERVICE_VARIABLE, STACK_VARIABLE
from ml.stack.service import Service

_CALL_SECONDS = 10.0
_LAUNCH_SECONDS = 20.0


@dataclass(frozen=True)
class ProcessInfo:
    """A process as supervisor sees it: its state's name, pid (0: none) and last exit status."""

    state: str
    pid: int
    exit_status: int


def render(services: Iterable[Service], layout: Layout) -> str:
    """supervisord's configuration. It holds no secret: each child reads its own file."""
    services = list(services)
    lines = [
        "[supervisord]",
        f"pidfile={layout.run / 'supervisord.pid'}",
        f"logfile={layout.log('supervisord')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        f"directory={layout.run}",
        "umask=077",
        *(["user=root"] if os.geteuid() == 0 else []),
        "[unix_http_server]",
        f"file={layout.sockets / 'supervisor.sock'}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in services:
        lines += _program(service, layout)
    # Groups stop one after the other, the highest priority first, their members all at once.
    for group, priority in (("storage", 1), ("apps", 2)):
        members = ",".join(service.name for service in services if _group(service) == group)
        if members:
            lines += [f"[group:{group}]", f"programs={members}", f"priority={priority}"]
    return "\n".join(lines).replace("%", "%%") + "\n"


def _program(service: Service, layout: Layout) -> list[str]:
    launcher = [sys.executable, "-m", "ml.stack.child"]
    command = [*launcher, str(layout.spec(service.name)), str(layout.pids)]
    return [
        f"[program:{service.name}]",
        f"command={' '.join(_quoted(part) for part in command)}",
        f"directory={layout.run}",
        "autostart=false",
        f"autorestart={'false' if service.once else 'true'}",
        f"startsecs={0 if service.once else 1}",
        "startretries=30",
        f"stopsignal={service.stop_signal}",
        "stopwaitsecs=20",
        "stopasgroup=true",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={layout.log(service.name)}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]


def _quoted(part: str) -> str:
    return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spec_of(service: Service) -> str:
    """What the launcher needs to become the service, as JSON."""
    spec = {
        "command": list(service.command),
        "environment": dict(service.environment),
        "user": service.user,
    }
    return json.dumps(spec, indent=1, sort_keys=True)


def write_files(services: Iterable[Service], layout: Layout) -> None:
    """Write supervisord's configuration and every child's file, all with mode 0600."""
    services = list(services)
    for service in services:
        _write(layout.spec(service.name), spec_of(service))
    _write(layout.run / "supervisord.conf", render(services, layout))


def check_files(services: Iterable[Service], layout: Layout) -> None:
    """Raise InvalidInput when the running stack was started with other settings than these."""
    changed = []
    for service in services:
        path = layout.spec(service.name)
        if not path.exists() or path.read_text() != spec_of(service):
            changed.append(service.name)
    if changed:
        raise InvalidInput(
            f"the running stack has other settings ({', '.join(changed)}); run `regain down` first"
        )


def _write(path: Path, text: str) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(draft, path)


class Supervisor:
    """The supervisord of one state folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def launch(self) -> None:
        """Start supervisord, detached from the caller and its terminal, with nothing running."""
        environment = {
            **inherited_environment(),
            STACK_VARIABLE: str(self._layout.state),
            SERVICE_VARIABLE: "supervisord",
        }
        configuration = self._layout.run / "supervisord.conf"
        ended = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=environment,
            cwd=self._layout.run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + _LAUNCH_SECONDS
        while ended.returncode == 0 and time.monotonic() < deadline:
            if self.alive():
                return
            time.sleep(0.05)
        words = ended.stderr.strip().splitlines() or [f"see {self._layout.log('supervisord')}"]
        raise ServiceUnavailable(f"supervisord does not start: {words[-1]}")

    def alive(self) -> bool:
        """Whether a supervisord answers."""
        try:
            self._call("getState")
        except ServiceUnavailable:
            return False
        return True

    def processes(self) -> dict[str, ProcessInfo]:
        """Every program by its name; raises ServiceUnavailable when supervisord is not there."""
        answer = cast(list[dict[str, Any]], self._call("getAllProcessInfo"))
        return {
            info["name"]: ProcessInfo(info["statename"], info["pid"], info["exitstatus"])
            for info in answer
        }

    def start(self, service: Service) -> None:
        """Start one program without waiting for it."""
        self._call("startProcess", _full_name(service), False)

    def stop(self, service: Service) -> None:
        """Stop one program without waiting for it."""
        self._call("stopProcess", _full_name(service), False)

    def shutdown(self) -> None:
        """Ask supervisord to stop everything, storage last, and to end."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: object) -> object:
        transport = _UnixTransport(self._layout.sockets / "supervisor.sock")
        try:
            with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise ServiceUnavailable(f"supervisord refused {method}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError):
            raise ServiceUnavailable(
                f"the stack of {self._layout.state} is not running; run `regain up`"
            ) from None


def _group(service: Service) -> str:
    return "storage" if service.storage else "apps"


def _full_name(service: Service) -> str:
    return f"{_group(service)}:{service.name}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_CALL_SECONDS)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # the transport closes what it finds here
        return connection
