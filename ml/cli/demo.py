"""`regain demo`: the whole loop in one command."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ml.demo.options import DemoOptions
from ml.demo.run import run_demo
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
_Stretch = Annotated[int, typer.Option(min=40, help="Products between two looks at the figures.")]
_Stretches = Annotated[int, typer.Option(min=6, max=14, help="How many of them at most.")]
_ChangesAfter = Annotated[
    int, typer.Option(min=1, max=9, help="Stretches after which a made marketplace changes.")
]
_LabelShare = Annotated[
    float, typer.Option(min=0.1, max=1.0, help="Share of the products that people are asked about.")
]
_Seed = Annotated[
    int | None,
    typer.Option(help="Of the made marketplace, its people and the training (REGAIN_SEED)."),
]
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
    stretch: _Stretch = DemoOptions.stretch,
    stretches: _Stretches = DemoOptions.stretches,
    changes_after: _ChangesAfter = DemoOptions.changes_after,
    label_share: _LabelShare = DemoOptions.label_share,
    seed: _Seed = None,
    keep: _Keep = False,
) -> None:
    """Play the whole loop on embedded services and report on it.

    A catalogue is imported, learnt in Airflow and served over HTTP; the marketplace drifts, an
    alert starts a retraining, the new version is tried on a slice, promoted and watched; then a
    sabotaged one is forced in and must be stopped by the judge. Everything lies in `<state>/demo`,
    which each demo makes anew: `report.html` is the picture, `report.json` the figures. Exit status
    0 only when the loop closed.

    Example: regain demo --data path/to/catalogue --keep
    """
    settings: Settings = context.obj
    if weights is not None:
        source = weights if "://" in weights else str(Path(weights).resolve())
        settings = settings.model_copy(update={"backbone_weights": source})
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    options = DemoOptions(
        data=data,
        bootstrap_before=bootstrap_before.replace(tzinfo=UTC) if bootstrap_before else None,
        bootstrap=bootstrap,
        stretch=stretch,
        stretches=stretches,
        changes_after=changes_after,
        label_share=label_share,
        keep=keep,
    )
    console = Console()
    console = console if console.is_terminal else Console(width=_NARROWEST)
    report = run_demo(settings, options, console)
    if not report.closed:
        raise typer.Exit(1)
