import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ml.stack import processes
from ml.stack.layout import Layout

Spawn = Callable[..., psutil.Process]
SLEEP = (sys.executable, "-c", "print(flush=True); import time; time.sleep(60)")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state", tmp_path / "sockets")
    made.make(shared_group=None)
    return made


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    children: list[subprocess.Popen[bytes]] = []

    def start(command: tuple[str, ...] = SLEEP, **environment: str) -> psutil.Process:
        child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()  # it runs, with the environment it was given
        return psutil.Process(child.pid)

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_a_record_names_the_process_it_was_made_for(layout: Layout, spawn: Spawn) -> None:
    process = spawn()
    processes.record(layout.pids / "redis.json", process.pid)
    assert processes.owned(layout) == [process]
    assert processes.of_service(layout, "redis") == [process]


def test_a_recycled_pid_is_left_alone(layout: Layout, spawn: Spawn) -> None:
    foreign = spawn()
    record = f'{{"pid": {foreign.pid}, "started": {foreign.create_time() - 5}}}'
    (layout.pids / "redis.json").write_text(record)
    assert processes.owned(layout) == []
    assert processes.sweep(layout) == 0
    assert processes.alive(foreign)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "begun": 2}'])
def test_a_damaged_record_names_nobody(layout: Layout, text: str) -> None:
    (layout.pids / "redis.json").write_text(text)
    assert processes.read_record(layout.pids / "redis.json") is None
    assert processes.owned(layout) == []


def test_the_mark_of_this_state_folder_is_recognised(layout: Layout, spawn: Spawn) -> None:
    ours = spawn(REGAIN_STACK=str(layout.state), REGAIN_SERVICE="serving")
    spawn(REGAIN_STACK="/some/other/state", REGAIN_SERVICE="serving")
    assert processes.owned(layout) == [ours]
    assert processes.marked(ours, str(layout.state), "serving")
    assert not processes.marked(ours, str(layout.state), "mlflow")


def test_descendants_belong_to_their_service(layout: Layout, spawn: Spawn) -> None:
    code = f"import subprocess; subprocess.run({list(SLEEP)!r}, env={{}})"
    parent = spawn((sys.executable, "-c", code))
    processes.record(layout.pids / "serving.json", parent.pid)
    (child,) = parent.children()
    assert processes.of_service(layout, "serving") == [parent, child]
    processes.sweep(layout)
    assert not processes.alive(child)


def test_sweeping_ends_what_ignores_sigterm_and_removes_every_trace(
    layout: Layout, spawn: Spawn
) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(flush=True); time.sleep(60)"
    )
    stubborn = spawn((sys.executable, "-c", code), REGAIN_STACK=str(layout.state))
    processes.record(layout.pids / "serving.json", stubborn.pid)
    (layout.sockets / "redis.sock").touch()
    layout.postgres.mkdir()
    (layout.postgres / "postmaster.pid").write_text("4711\n")
    assert processes.sweep(layout, patience_seconds=0.5) == 1
    assert not processes.alive(stubborn)
    assert not any(layout.pids.iterdir())
    assert not any(layout.sockets.iterdir())
    assert not (layout.postgres / "postmaster.pid").exists()


def test_a_process_that_waits_to_be_reaped_is_not_alive(spawn: Spawn) -> None:
    process = spawn()
    processes.end([process], signal.SIGKILL, patience_seconds=5)  # its parent, we, did not wait
    assert process.status() == psutil.STATUS_ZOMBIE
    assert not processes.alive(process)


def test_the_caller_is_never_its_own_victim(layout: Layout) -> None:
    processes.record(layout.pids / "serving.json", os.getpid())
    assert psutil.Process() not in processes.owned(layout)
