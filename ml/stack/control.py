"""The stack as a whole: up, down, status, and which processes belong to a service."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout

from ml.domain.errors import NotFound, ServiceUnavailable
from ml.stack import processes
from ml.stack.layout import Layout
from ml.stack.plan import embedded_databases, plan, real_services
from ml.stack.ports import check_ports, listeners
from ml.stack.postgres import account
from ml.stack.service import ComponentStatus, Service, State
from ml.stack.startup import Report, Startup
from ml.stack.supervisor import ProcessInfo, Supervisor, check_files, write_files
from ml.wiring.config import Settings

_LOCK_SECONDS = 600.0
_SHUTDOWN_SECONDS = 60.0
_RUNNING = {"RUNNING", "STARTING", "BACKOFF", "STOPPING"}


def up(settings: Settings, *, report: Report | None = None) -> None:
    """Start what is not running and return when all is healthy; `report` hears of each step.

    Whatever fails or interrupts it, what this call started is stopped again. Raises
    ServiceUnavailable (a port in use, a service that does not get healthy with the end of its log)
    and InvalidInput (settings other than those of the stack that is running).
    """
    layout = Layout.of(settings)
    owner = account() if embedded_databases(settings) else None
    layout.make(shared_group=owner.pw_gid if owner else None)
    with _exclusive(layout):
        services = plan(settings, layout)
        supervisor = Supervisor(layout)
        fresh = not supervisor.alive()
        if fresh:
            processes.sweep(layout)
            check_ports(services, listeners())
            write_files(services, layout)
        else:
            check_files(services, layout)
        tell = report or _silent
        startup = Startup(services, supervisor, layout, tell)
        try:
            if fresh:
                supervisor.launch()
            startup.run()
        except BaseException:
            with _uninterrupted():
                tell(ComponentStatus("stack", State.STOPPED, detail="stopping what was started"))
                _undo(supervisor, startup.started, layout, everything=fresh)
            raise


def down(settings: Settings) -> int:
    """Stop the stack and all it left behind; returns how many processes had to be swept up.

    Works as well when supervisord was killed, or is not running at all.
    """
    layout = Layout.of(settings)
    if not layout.run.is_dir():
        return 0
    with _exclusive(layout), _uninterrupted():
        return _stop_everything(Supervisor(layout), layout)


def status(settings: Settings) -> list[ComponentStatus]:
    """Every component as it is now: those of this stack, then the real ones settings name."""
    layout = Layout.of(settings)
    try:
        known = Supervisor(layout).processes()
    except ServiceUnavailable:
        known = {}
    managed = [
        _status_of(service, known.get(service.name))
        for service in plan(settings, layout)
        if not service.once
    ]
    real = [_status_of_real(service) for service in real_services(settings)]
    return managed + real


def pids(settings: Settings, name: str) -> list[int]:
    """The pid of a service's supervised process, then those of its descendants.

    Empty when the service is not running; raises NotFound for a service this stack does not have.
    """
    layout = Layout.of(settings)
    names = [service.name for service in plan(settings, layout)]
    if name not in names:
        raise NotFound(f"no service {name}; this stack has {', '.join(names)}")
    return [process.pid for process in processes.of_service(layout, name)]


def _silent(_: ComponentStatus) -> None:
    return None


@contextmanager
def _exclusive(layout: Layout) -> Iterator[None]:
    """Hold the state folder's lock: `up` and `down` wait for each other."""
    lock = FileLock(layout.lock, timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise ServiceUnavailable(
            f"another `regain up` or `regain down` works on {layout.state}; try again when it ends"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let no second Ctrl-C cut short the cleaning up (signals reach the main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def _undo(
    supervisor: Supervisor, started: Sequence[Service], layout: Layout, *, everything: bool
) -> None:
    if everything or not supervisor.alive():
        _stop_everything(supervisor, layout)
        return
    running = supervisor.processes()
    for service in reversed(started):
        if running[service.name].state in _RUNNING:
            supervisor.stop(service)


def _stop_everything(supervisor: Supervisor, layout: Layout) -> int:
    if supervisor.alive():
        supervisor.shutdown()
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        while processes.owned(layout) and time.monotonic() < deadline:
            time.sleep(0.2)
    swept = processes.sweep(layout)
    if layout.sockets.parent != layout.state and layout.sockets.is_dir():
        layout.sockets.rmdir()
    return swept


def _status_of(service: Service, process: ProcessInfo | None) -> ComponentStatus:
    if process is None or process.state in ("STOPPED", "EXITED", "FATAL"):
        detail = None if process is None else f"supervisor says {process.state.lower()}"
        return ComponentStatus(service.name, State.STOPPED, service.url, detail)
    fault = service.probe()
    if fault is None and process.state == "RUNNING":
        return ComponentStatus(service.name, State.HEALTHY, service.url, pid=process.pid)
    state = State.UNHEALTHY if process.state == "RUNNING" else State.STARTING
    return ComponentStatus(service.name, state, service.url, fault, process.pid)


def _status_of_real(service: Service) -> ComponentStatus:
    fault = service.probe()
    state = State.HEALTHY if fault is None else State.UNHEALTHY
    return ComponentStatus(service.name, state, service.url, fault, managed=False)
