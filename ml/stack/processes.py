"""Which processes are this stack's own, and how they end. Nothing else is ever signalled.

A process is the stack's own when its environment carries the stack's mark (every child and its
descendants inherit it), when a record names both its pid and its start time, or when it is a
PostgreSQL server process inside the stack's data folder (PostgreSQL and Redis overwrite their
environment with their title). A pid alone proves nothing: the kernel hands it out again.
"""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ml.domain.errors import ServiceUnavailable

if TYPE_CHECKING:  # the launcher of every child imports this module: keep it light
    from ml.stack.layout import Layout

STACK_VARIABLE = "REGAIN_STACK"
SERVICE_VARIABLE = "REGAIN_SERVICE"
_START_TOLERANCE_SECONDS = 1.0  # psutil derives the start from the boot time, which may be adjusted
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class PidRecord:
    """A child as it was when it was started; `started` is seconds since the epoch."""

    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The recorded process; None when it has ended, whoever has its pid now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= _START_TOLERANCE_SECONDS
        except psutil.Error:
            return None
        return process if same and alive(process) else None


def record(path: Path, pid: int) -> None:
    """Write a process's record in one step."""
    entry = {"pid": pid, "started": psutil.Process(pid).create_time()}
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        json.dump(entry, file)
    os.replace(temporary, path)


def read_record(path: Path) -> PidRecord | None:
    """The record in a file; None when there is none (or one cut short by a crash)."""
    try:
        return PidRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def alive(process: psutil.Process) -> bool:
    """Whether the process still runs; one that only waits to be reaped does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def marked(process: psutil.Process, stack: str, service: str | None = None) -> bool:
    """Whether the process inherited the mark of this stack (and of this service of it)."""
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    if environment.get(STACK_VARIABLE) != stack:
        return False
    return service is None or environment.get(SERVICE_VARIABLE) == service


def _is_backend(process: psutil.Process, data_folder: str) -> bool:
    try:
        return bool(process.name() == "postgres" and process.cwd() == data_folder)
    except (psutil.Error, OSError):
        return False


def _with_descendants(processes: Iterable[psutil.Process]) -> dict[int, psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for process in processes:
        found[process.pid] = process
        with suppress(psutil.Error):
            found.update((child.pid, child) for child in process.children(recursive=True))
    return {pid: process for pid, process in found.items() if alive(process)}


def _seeds(layout: "Layout") -> Iterator[psutil.Process]:
    for path in layout.pids.glob("*.json"):
        entry = read_record(path)
        if entry is not None and (process := entry.process()) is not None:
            yield process
    for process in psutil.process_iter():
        if marked(process, str(layout.state)) or _is_backend(process, str(layout.postgres)):
            yield process


def owned(layout: "Layout") -> list[psutil.Process]:
    """Every live process of this stack, the caller and its ancestors excepted."""
    caller = psutil.Process()
    spared = {caller.pid, *(parent.pid for parent in caller.parents())}
    return [
        process for pid, process in _with_descendants(_seeds(layout)).items() if pid not in spared
    ]


def of_service(layout: "Layout", service: str) -> list[psutil.Process]:
    """The live supervised process of one service, then its descendants."""
    entry = read_record(layout.pids / f"{service}.json")
    process = entry.process() if entry is not None else None
    return list(_with_descendants([process]).values()) if process is not None else []


def end(
    processes: Iterable[psutil.Process], number: signal.Signals, *, patience_seconds: float
) -> None:
    """Signal the processes and wait until they are gone, at most as long as patience lasts."""
    waiting = list(processes)
    for process in waiting:
        with suppress(psutil.Error):  # psutil compares the start time before it signals
            process.send_signal(number)
    deadline = time.monotonic() + patience_seconds
    while waiting and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        waiting = [process for process in waiting if alive(process)]


def sweep(layout: "Layout", *, patience_seconds: float = 10) -> int:
    """End every process of this stack and remove its records; returns how many were found.

    Looks again until nothing is left, since a process may fork while it is being looked for.
    Raises ServiceUnavailable when something survives SIGKILL.
    """
    ended: set[int] = set()
    end(_supervisors(layout), signal.SIGKILL, patience_seconds=patience_seconds)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        found = owned(layout)
        ended.update(process.pid for process in found)
        end(found, number, patience_seconds=patience_seconds)
    if survivors := owned(layout):
        pids = ", ".join(str(process.pid) for process in survivors)
        raise ServiceUnavailable(f"processes {pids} of {layout.state} do not end; end them by hand")
    _remove_traces(layout)
    return len(ended)


def _supervisors(layout: "Layout") -> list[psutil.Process]:
    # First of all, or it would start again what is being ended.
    return [
        process
        for process in psutil.process_iter()
        if marked(process, str(layout.state), "supervisord")
    ]


def _remove_traces(layout: "Layout") -> None:
    sockets = layout.sockets.iterdir() if layout.sockets.is_dir() else ()
    for path in (
        *layout.pids.glob("*"),
        *sockets,
        layout.run / "supervisord.pid",
        layout.postgres / "postmaster.pid",
    ):
        path.unlink(missing_ok=True)
