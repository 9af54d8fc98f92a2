"""Kills processes of a running stack with `kill -9`, at chosen stages of the loop."""

import os
import signal
import threading
from collections.abc import Callable

import psutil

from ml.stack import control
from ml.wiring.config import Settings
from tests.e2e.installation import wait_until

PATIENCE_SECONDS = 120.0


class Saboteur:
    """One thread a stage; `killed` lists what was hit, `errors` what went wrong on the way."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def strike(self, plan: Callable[[], None]) -> None:
        """Carry out a plan beside the loop."""

        def work() -> None:
            try:
                plan()
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Wait for all plans."""
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def kill_service(self, settings: Settings, name: str) -> None:
        """Kill a service's supervised process."""
        self._kill(name, control.pids(settings, name)[0])

    def kill_worker(self, settings: Settings) -> None:
        """Kill one serving worker, a child of the server."""
        self._kill("serving worker", control.pids(settings, "serving")[1])

    def kill_task(self, settings: Settings, is_running: Callable[[], bool]) -> None:
        """Wait until the task runs, then kill the process that runs it."""

        def runners() -> list[int]:
            if not is_running():
                return []
            return [pid for pid in control.pids(settings, "airflow-scheduler") if _runs_a_task(pid)]

        self._kill("task", wait_until("a task", runners, seconds=PATIENCE_SECONDS)[-1])

    def _kill(self, name: str, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.killed.append(name)


def _runs_a_task(pid: int) -> bool:
    """Airflow names its processes: an executor's worker, and below it the one that runs a task."""
    try:
        title = " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False
    return title.startswith("airflow worker -- ") and "LocalExecutor" not in title
