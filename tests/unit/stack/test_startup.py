from pathlib import Path

import pytest

from ml.domain.errors import ServiceUnavailable
from ml.stack import startup
from ml.stack.layout import Layout
from ml.stack.service import ComponentStatus, Service, State
from ml.stack.startup import Startup
from ml.stack.supervisor import ProcessInfo, Supervisor


class FakeSupervisor(Supervisor):
    """Programs that run at once; `fates` are the states a program goes through after its start."""

    def __init__(self, layout: Layout, fates: dict[str, list[ProcessInfo]]) -> None:
        super().__init__(layout)
        self.fates = fates
        self.begun: list[str] = []

    def processes(self) -> dict[str, ProcessInfo]:
        return {name: self._next(name, fate) for name, fate in self.fates.items()}

    def _next(self, name: str, fate: list[ProcessInfo]) -> ProcessInfo:
        if name not in self.begun and fate[0].state != "RUNNING":
            return ProcessInfo("STOPPED", 0, 0)
        return fate.pop(0) if len(fate) > 1 else fate[0]

    def start(self, service: Service) -> None:
        self.begun.append(service.name)


RUNNING = ProcessInfo("RUNNING", 7, 0)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "_POLL_SECONDS", 0.001)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path / "sockets")
    made.make(shared_group=None)
    return made


def service(name: str, **options: object) -> Service:
    return Service(name=name, command=(), **options)  # type: ignore[arg-type]  # a test's shorthand


def test_a_service_starts_when_what_it_needs_is_healthy(layout: Layout) -> None:
    answers = iter(["not yet", "not yet", None])
    services = [
        service("app", needs=("step",)),
        service("step", needs=("database",), once=True),
        service("database", probe=lambda: next(answers)),
    ]
    starting = ProcessInfo("STARTING", 7, 0)
    supervisor = FakeSupervisor(
        layout,
        {
            "app": [starting, RUNNING],
            "step": [starting, ProcessInfo("EXITED", 0, 0)],
            "database": [starting, RUNNING],
        },
    )
    seen: list[ComponentStatus] = []
    Startup(services, supervisor, layout, seen.append).run()
    assert supervisor.begun == ["database", "step", "app"]
    assert [(c.name, c.state) for c in seen if c.state is State.HEALTHY] == [
        ("database", State.HEALTHY),
        ("step", State.HEALTHY),
        ("app", State.HEALTHY),
    ]


def test_what_runs_is_not_started_again(layout: Layout) -> None:
    supervisor = FakeSupervisor(layout, {"app": [RUNNING]})
    run = Startup([service("app")], supervisor, layout, lambda _: None)
    run.run()
    assert run.started == []
    assert supervisor.begun == []


@pytest.mark.parametrize(
    ("fate", "message"),
    [
        ([ProcessInfo("FATAL", 0, 1)], r"app ended with status 1; the end of its log .*app\.log:"),
        (
            [ProcessInfo("RUNNING", pid, 0) for pid in (11, 12, 13)],
            "app ended 2 times in",
        ),
    ],
)
def test_a_service_that_dies_is_reported_with_the_end_of_its_log(
    layout: Layout, fate: list[ProcessInfo], message: str
) -> None:
    layout.log("app").write_text("first\n" * 50 + "no module named lost\n")
    # its first state is not RUNNING, or the run would take it for one that is up already
    supervisor = FakeSupervisor(layout, {"app": [ProcessInfo("STARTING", 11, 0), *fate]})
    app = service("app", probe=lambda: "does not answer")
    with pytest.raises(ServiceUnavailable, match=message) as caught:
        Startup([app], supervisor, layout, lambda _: None).run()
    assert str(caught.value).endswith("no module named lost")
    assert str(caught.value).count("first") < 20


def test_a_failed_step_is_reported(layout: Layout) -> None:
    supervisor = FakeSupervisor(layout, {"step": [ProcessInfo("EXITED", 0, 3)]})
    with pytest.raises(ServiceUnavailable, match="step ended with status 3"):
        Startup([service("step", once=True)], supervisor, layout, lambda _: None).run()


def test_patience_ends(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "HEALTHY_WITHIN_SECONDS", 0.01)
    supervisor = FakeSupervisor(layout, {"app": [ProcessInfo("STARTING", 7, 0), RUNNING]})
    app = service("app", probe=lambda: "answers 500")
    with pytest.raises(ServiceUnavailable, match="app is not healthy after 0 s: answers 500"):
        Startup([app], supervisor, layout, lambda _: None).run()
