"""Bring services up side by side, each as soon as what it needs is healthy."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ml.domain.errors import ServiceUnavailable
from ml.stack.layout import Layout
from ml.stack.service import ComponentStatus, Service, State
from ml.stack.supervisor import ProcessInfo, Supervisor

Report = Callable[[ComponentStatus], None]

HEALTHY_WITHIN_SECONDS = 240.0
_POLL_SECONDS = 0.25
_MOST_STARTS = 3  # a service that keeps dying is reported long before its time is over
_LOG_LINES = 15
_UP = {"RUNNING", "STARTING", "BACKOFF"}


@dataclass
class _Attempt:
    """One service on its way up."""

    since: float
    pids: set[int] = field(default_factory=set)


class Startup:
    """One run of `up`: starts what is missing and waits until everything is healthy."""

    def __init__(
        self, services: Sequence[Service], supervisor: Supervisor, layout: Layout, report: Report
    ) -> None:
        self.started: list[Service] = []
        self._services = services
        self._supervisor = supervisor
        self._layout = layout
        self._report = report
        self._done: set[str] = set()
        self._attempts: dict[str, _Attempt] = {}

    def run(self) -> None:
        """Return when all is healthy; raises ServiceUnavailable naming the service that is not."""
        while True:
            processes = self._supervisor.processes()
            for service in self._services:
                if service.name not in self._done and self._done.issuperset(service.needs):
                    self._advance(service, processes[service.name])
            if len(self._done) == len(self._services):
                return
            time.sleep(_POLL_SECONDS)

    def _advance(self, service: Service, process: ProcessInfo) -> None:
        attempt = self._attempts.get(service.name)
        if attempt is None:
            self._attempts[service.name] = _Attempt(time.monotonic())
            if process.state not in _UP and not _finished(service, process):
                self._start(service)
            return
        attempt.pids.add(process.pid)
        waiting_for = _unfinished(process) if service.once else service.probe()
        if waiting_for is None and (service.once or process.state == "RUNNING"):
            self._done.add(service.name)
            self._report(ComponentStatus(service.name, State.HEALTHY, service.url))
        else:
            self._give_up_if_hopeless(service, process, attempt, waiting_for)

    def _start(self, service: Service) -> None:
        note = service.prepare()
        self._report(ComponentStatus(service.name, State.STARTING, service.url, note))
        self.started.append(service)
        self._supervisor.start(service)

    def _give_up_if_hopeless(
        self, service: Service, process: ProcessInfo, attempt: _Attempt, reason: str | None
    ) -> None:
        waited = time.monotonic() - attempt.since
        starts = len(attempt.pids - {0})
        if process.state == "FATAL" or (service.once and process.state == "EXITED"):
            fault = f"ended with status {process.exit_status}"
        elif starts >= _MOST_STARTS:
            fault = f"ended {starts - 1} times in {waited:.0f} s"
        elif waited > HEALTHY_WITHIN_SECONDS:
            fault = f"is not healthy after {waited:.0f} s: {reason or process.state.lower()}"
        else:
            return
        log = self._layout.log(service.name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        tail = "".join(f"\n    {line}" for line in lines[-_LOG_LINES:])
        raise ServiceUnavailable(f"{service.name} {fault}; the end of its log {log}:{tail}")


def _finished(service: Service, process: ProcessInfo) -> bool:
    return service.once and _unfinished(process) is None


def _unfinished(process: ProcessInfo) -> str | None:
    done = process.state == "EXITED" and process.exit_status == 0
    return None if done else "has not finished"
