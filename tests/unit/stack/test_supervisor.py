import configparser
from pathlib import Path

import pytest

from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.stack.layout import Layout
from ml.stack.service import Service
from ml.stack.supervisor import Supervisor, check_files, render, write_files

DATABASE = Service(name="database", command=("/bin/db",), storage=True, stop_signal="INT")
STEP = Service(name="step", command=("/bin/step",), once=True)
APP = Service(name="app", command=("/bin/app",), environment={"TOKEN": 'a "quoted" % secret'})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "100% state", tmp_path / "sockets")
    made.make(shared_group=None)
    return made


def parsed(layout: Layout) -> configparser.RawConfigParser:
    configuration = configparser.RawConfigParser()
    configuration.read_string(render([DATABASE, STEP, APP], layout))
    return configuration


def test_each_child_has_its_own_group_and_is_restarted(layout: Layout) -> None:
    section = parsed(layout)["program:app"]
    assert section["stopasgroup"] == section["killasgroup"] == section["autorestart"] == "true"
    assert section["autostart"] == "false"  # `up` starts it when what it needs is healthy


def test_a_step_is_not_restarted(layout: Layout) -> None:
    section = parsed(layout)["program:step"]
    assert section["autorestart"] == "false"
    assert section["startsecs"] == "0"


def test_storage_stops_last(layout: Layout) -> None:
    configuration = parsed(layout)
    assert configuration["group:storage"]["programs"] == "database"
    assert configuration["group:apps"]["programs"] == "step,app"
    # supervisord stops groups from the highest priority to the lowest
    assert int(configuration["group:apps"]["priority"]) > int(
        configuration["group:storage"]["priority"]
    )
    assert configuration["program:database"]["stopsignal"] == "INT"


def test_a_percent_sign_in_a_path_is_not_an_expansion(layout: Layout) -> None:
    assert "100%% state" in parsed(layout)["supervisord"]["logfile"]


def test_files_are_for_their_owner_only(layout: Layout) -> None:
    write_files([DATABASE, APP], layout)
    files = [path for path in layout.run.iterdir() if path.is_file()]
    assert {path.name for path in files} == {"database.json", "app.json", "supervisord.conf"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_running_stack_with_other_settings_is_named(layout: Layout) -> None:
    write_files([DATABASE, APP], layout)
    check_files([DATABASE, APP], layout)
    changed = Service(name="app", command=("/bin/app", "--other"))
    with pytest.raises(InvalidInput, match=r"other settings \(app\); run `regain down` first"):
        check_files([DATABASE, changed], layout)


def test_a_supervisor_that_is_not_there_is_not_alive(layout: Layout) -> None:
    supervisor = Supervisor(layout)
    assert not supervisor.alive()
    with pytest.raises(ServiceUnavailable, match="is not running; run `regain up`"):
        supervisor.processes()
