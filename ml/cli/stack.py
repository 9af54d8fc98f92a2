"""`regain up`, `down`, `status` and `password`: the local services."""

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ml.cli.champion import Standing, standing
from ml.cli.tables import print_table
from ml.stack import control
from ml.stack.service import ComponentStatus, State
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

_COLOURS = {
    State.HEALTHY: "green",
    State.STARTING: "yellow",
    State.UNHEALTHY: "red",
    State.STOPPED: "dim",
}
# Of the champion's figures on its test rows; the registry's page and --json show all.
_FIGURES = (
    *("fused_weighted_f1", "fused_accuracy", "fused_macro_f1", "fused_calibration_error"),
    *("text_weighted_f1", "image_weighted_f1", "low_confidence_share", "latency_ms"),
)
_NOT_ALL_HEALTHY = 3


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (up, down, status, password):
        app.command()(command)


def up(context: typer.Context) -> None:
    """Start the local services and wait until all are healthy.

    What runs already is left alone. Ctrl-C, or a service that does not get healthy, stops again
    what was started. A service whose REGAIN_..._URL names a real one is left out.

    Example: REGAIN_AIRFLOW_PORT=18081 regain up
    """
    settings: Settings = context.obj
    console = Console()
    begun = time.monotonic()
    progress = _Progress(console)
    with _stopped_by_sigterm(), console.status("starting") as spinner:
        progress.tell = spinner.update
        control.up(settings, report=progress.report)
    if not progress.started:
        console.print("already running")
    else:
        console.print(f"all healthy after {time.monotonic() - begun:.0f} s")
    for component in control.status(settings):
        if component.url is not None and component.url.startswith("http"):
            typer.echo(f"  {component.name:<22} {component.url}")
    typer.echo(_credentials_hint(settings))


def down(context: typer.Context) -> None:
    """Stop the local services and whatever a killed stack left behind.

    Data stays in the state folder; `regain up` continues with it.

    Example: regain down
    """
    swept = control.down(context.obj)
    typer.echo(f"stopped; {swept} left-over processes ended" if swept else "stopped")


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show each component's state and URL, the champion and its figures, and who is on trial.

    Exit status 3 when a component is not healthy.

    Example: regain status --json
    """
    settings: Settings = context.obj
    components = control.status(settings)
    champion = standing(settings)
    if as_json:
        typer.echo(json.dumps(_as_json(settings, components, champion), indent=2))
    else:
        _show(settings, components, champion)
    if any(component.state is not State.HEALTHY for component in components):
        raise typer.Exit(_NOT_ALL_HEALTHY)


def password(context: typer.Context) -> None:
    """Print the password of Airflow's user, to type into its sign-in page.

    Example: regain password | xclip
    """
    typer.echo(load_secrets(context.obj.state).airflow_password)


class _Progress:
    """Prints each component as it gets healthy, and what is still awaited beside the spinner."""

    def __init__(self, console: Console) -> None:
        self.started = False
        self.tell: Callable[[str], None] = console.print
        self._console = console
        self._since: dict[str, float] = {}

    def report(self, component: ComponentStatus) -> None:
        if component.state is State.STOPPED:
            self.tell(component.detail or "stopping")
            return
        if component.state is State.STARTING:
            self.started = True
            self._since[component.name] = time.monotonic()
            if component.detail:
                self._console.print(f"  {component.detail}", highlight=False)
        elif component.name in self._since:
            seconds = time.monotonic() - self._since.pop(component.name)
            self._console.print(
                f"  {component.name:<22} {component.state} after {seconds:.1f} s", highlight=False
            )
        self.tell(f"waiting for {', '.join(self._since)}" if self._since else "starting")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that a terminated `up` leaves nothing behind either."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(settings: Settings, components: Sequence[ComponentStatus], champion: Standing) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("component", "state", "url", "detail"):
        table.add_column(heading)
    for component in components:
        state = f"[{_COLOURS[component.state]}]{component.state}[/]"
        real = "" if component.managed else "real; "
        detail = f"{real}{component.detail or ''}".removesuffix("; ")
        table.add_row(component.name, state, component.url or "", detail)
    print_table(table)
    typer.echo(f"\nchampion: {champion.line}")
    for name in _FIGURES:
        if name in champion.metrics:
            typer.echo(f"  {name:<24} {champion.metrics[name]:.4f}")
    if champion.challenger is not None:
        typer.echo(f"challenger: {champion.trial}")
    typer.echo(_credentials_hint(settings))


def _credentials_hint(settings: Settings) -> str:
    path = settings.state.resolve() / "secrets.json"
    return f"credentials: user {settings.airflow_user}, `regain password`; API key in {path}"


def _as_json(
    settings: Settings, components: Sequence[ComponentStatus], champion: Standing
) -> dict[str, object]:
    return {
        "components": [
            {
                "name": component.name,
                "state": component.state,
                "url": component.url,
                "detail": component.detail,
                "pid": component.pid,
                "managed": component.managed,
            }
            for component in components
        ],
        "champion": champion.as_json(),
        "credentials": {
            "user": settings.airflow_user,
            "file": str(settings.state.resolve() / "secrets.json"),
        },
    }
