"""The storage services under the real supervisord: they start, heal, and leave nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.stack import control, processes
from ml.stack.layout import Layout
from ml.stack.service import ComponentStatus, State
from ml.wiring.config import Settings, environment_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def settings() -> Iterator[Settings]:
    """PostgreSQL and Redis only, in a short path that PostgreSQL's own user may pass."""
    folder = Path(tempfile.mkdtemp(prefix="regain-test-"))
    made = Settings(
        state=folder / "state", mlflow_url=NOBODY, airflow_url=NOBODY, serving_url=NOBODY
    )
    yield made
    control.down(made)
    shutil.rmtree(folder)


def left_over(settings: Settings) -> list[psutil.Process]:
    """Every process with this stack's mark or working in its folders, found independently."""
    state = str(settings.state)
    found = []
    for process in psutil.process_iter():
        try:
            marks = (process.environ().get("REGAIN_STACK") == state, state in process.cwd())
            named = any(state in part for part in process.cmdline())
        except psutil.Error:
            continue
        if process.pid != os.getpid() and (any(marks) or named) and processes.alive(process):
            found.append(process)
    return found


def assert_nothing_is_left(settings: Settings) -> None:
    layout = Layout.of(settings)
    assert left_over(settings) == []
    assert not any(layout.sockets.iterdir())
    assert not any(layout.pids.iterdir())
    assert not (layout.postgres / "postmaster.pid").exists()


def managed(settings: Settings) -> dict[str, ComponentStatus]:
    return {c.name: c for c in control.status(settings) if c.managed}


def states(settings: Settings) -> dict[str, State]:
    return {name: component.state for name, component in managed(settings).items()}


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def regain(settings: Settings, *command: str) -> subprocess.Popen[str]:
    """The program itself, as the leader of its own group like a shell's foreground job.

    It hears Ctrl-C even where the tests run in the background and inherited deaf ears.
    """
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    return subprocess.Popen(
        [sys.executable, "-c", f"{listening}; from ml.cli.main import run; run()", *command],
        env={**os.environ, **environment_of(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


BOTH_HEALTHY = {"postgres": State.HEALTHY, "redis": State.HEALTHY}


def test_up_and_down_can_be_repeated(settings: Settings) -> None:
    assert states(settings) == {"postgres": State.STOPPED, "redis": State.STOPPED}
    control.up(settings)
    before = managed(settings)
    assert states(settings) == BOTH_HEALTHY
    again: list[ComponentStatus] = []
    control.up(settings, report=again.append)
    assert managed(settings) == before
    assert State.STARTING not in {component.state for component in again}
    control.down(settings)
    assert_nothing_is_left(settings)
    control.down(settings)
    control.up(settings)
    assert states(settings) == BOTH_HEALTHY


def test_other_settings_need_a_down_first(settings: Settings) -> None:
    control.up(settings)
    with pytest.raises(InvalidInput, match="run `regain down` first"):
        control.up(settings.model_copy(update={"redis_url": None, "seed": 7}))
    assert states(settings) == BOTH_HEALTHY


@pytest.mark.parametrize("name", BOTH_HEALTHY)
def test_what_is_killed_is_healed(settings: Settings, name: str) -> None:
    control.up(settings)
    (victim, *_) = control.pids(settings, name)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in (control.pids(settings, name) or [victim]))
    wait_until(lambda: states(settings) == BOTH_HEALTHY)
    assert control.pids(settings, name)[0] != victim


def test_an_unknown_service_is_named(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no service mlflow"):
        control.pids(settings, "mlflow")


@pytest.mark.parametrize("remedy", ["down", "up"])
def test_a_killed_supervisor_leaves_nothing_that_is_not_swept(
    settings: Settings, remedy: str
) -> None:
    control.up(settings)
    orphans = control.pids(settings, "postgres") + control.pids(settings, "redis")
    pid = int((Layout.of(settings).run / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or not processes.alive(psutil.Process(pid)))
    if remedy == "down":
        control.down(settings)
        assert_nothing_is_left(settings)
    control.up(settings)
    assert states(settings) == BOTH_HEALTHY
    assert not set(orphans) & {process.pid for process in left_over(settings)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_stops_what_it_started(settings: Settings, number: int) -> None:
    started = regain(settings, "up")
    wait_until(lambda: len(left_over(settings)) > 1)
    os.killpg(started.pid, number)
    output, _ = started.communicate(timeout=60)
    assert started.returncode != 0, output
    assert_nothing_is_left(settings)
    control.up(settings)
    assert states(settings) == BOTH_HEALTHY


def test_a_long_state_path_works_and_leaves_no_socket_folder(settings: Settings) -> None:
    distant = settings.model_copy(update={"state": settings.state.parent / ("long" * 25)})
    control.up(distant)
    sockets = Layout.of(distant).sockets
    assert states(distant) == BOTH_HEALTHY
    control.down(distant)
    assert left_over(distant) == []
    assert not sockets.exists()


def test_a_half_made_data_folder_is_made_anew(settings: Settings) -> None:
    draft = settings.state / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    control.up(settings)
    assert states(settings) == BOTH_HEALTHY
    assert not draft.exists()


def test_two_ups_at_once_make_one_stack(settings: Settings) -> None:
    both = [regain(settings, "up"), regain(settings, "up")]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("already running" in output for output in outputs) == 1
    servers = [p for p in left_over(settings) if "-D" in p.cmdline()]
    assert len(servers) == 1


def test_a_foreign_process_with_a_recycled_pid_is_spared(settings: Settings) -> None:
    control.up(settings)
    foreign = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = Layout.of(settings).pids / "redis.json"
        record.write_text(f'{{"pid": {foreign.pid}, "started": 1000.0}}')
        assert control.pids(settings, "redis") == []
        control.down(settings)
        assert foreign.poll() is None
        assert_nothing_is_left(settings)
    finally:
        foreign.kill()
        foreign.wait()


def test_a_service_that_fails_names_its_log_and_all_is_stopped(settings: Settings) -> None:
    control.up(settings)
    control.down(settings)
    (settings.state / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ServiceUnavailable, match=r"postgres ended .*logs/postgres\.log:") as caught:
        control.up(settings)
    assert "9.6" in str(caught.value)
    assert_nothing_is_left(settings)


def test_private_files_stay_private(settings: Settings) -> None:
    control.up(settings)
    readable = [
        path
        for path in settings.state.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o004 and path.parent == settings.state
    ]
    assert [path.name for path in readable if path.name != "stack.lock"] == []
    assert settings.state.stat().st_mode & 0o007 == 0
    for path in (settings.state / "run").rglob("*.json"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_postgresql_listens_on_no_port(settings: Settings) -> None:
    control.up(settings)
    ours = {process.pid for process in left_over(settings)}
    listening = [c for c in psutil.net_connections("inet") if c.pid in ours]
    assert listening == []
