"""`regain demo`: the whole loop in one command."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ml.demo.run import DemoOptions, run_demo
from ml.wiring.config import Settings

_NARROWEST = 100


_Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A catalogue to play (products.csv beside images/); default: a made marketplace.",
    ),
]
_Weights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Weights of the image backbone (safetensors); default: REGAIN_BACKBONE_WEIGHTS, else "
        "a small network trained from scratch.",
    ),
]
_BootstrapBefore = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="Import what was listed before this day and play the rest; default: the start of a "
        "year, about a third of the way.",
    ),
]
_Bootstrap = Annotated[int, typer.Option(min=100, help="Products imported, of a made marketplace.")]
_First = Annotated[
    int, typer.Option(min=20, help="Products served by the first version and reviewed.")
]
_Later = Annotated[int, typer.Option(min=20, help="Products that both versions are compared on.")]
_Keep = Annotated[bool, typer.Option("--keep", help="Leave the services running, to look around.")]


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(demo)


def demo(
    context: typer.Context,
    data: _Data = None,
    weights: _Weights = None,
    bootstrap_before: _BootstrapBefore = None,
    bootstrap: _Bootstrap = DemoOptions.bootstrap,
    first: _First = DemoOptions.first,
    later: _Later = DemoOptions.later,
    keep: _Keep = False,
) -> None:
    """Play the whole loop on embedded services and report on it.

    A catalogue is imported, learnt in Airflow, served over HTTP, reviewed by simulated people, and
    learnt again; the report compares both versions on later products. Everything lies in
    `<state>/demo`, which each demo makes anew. Exit status 0 only when the loop worked.

    Example: regain demo --data path/to/catalogue --keep
    """
    settings: Settings = context.obj
    if weights is not None:
        source = weights if "://" in weights else str(Path(weights).resolve())
        settings = settings.model_copy(update={"backbone_weights": source})
    options = DemoOptions(
        data=data,
        bootstrap_before=bootstrap_before.replace(tzinfo=UTC) if bootstrap_before else None,
        bootstrap=bootstrap,
        first=first,
        later=later,
        keep=keep,
    )
    console = Console()
    console = console if console.is_terminal else Console(width=_NARROWEST)
    report = run_demo(settings, options, console)
    if not report.worked:
        raise typer.Exit(1)
