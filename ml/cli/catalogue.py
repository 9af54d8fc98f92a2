"""`regain import` and `regain generate`: catalogues in, and made-up ones out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from ml.wiring.build import Services
from ml.wiring.config import Settings

if TYPE_CHECKING:
    from ml.adapters.catalogues import Fault
    from ml.simulation.items import SimulatedProduct
    from ml.tasks.import_catalogue import ImportReport

_FAULTS_SHOWN = 50
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]


_Path = Annotated[Path, typer.Argument(metavar="PATH", help="The catalogue's folder.")]
_ListedBefore = Annotated[
    datetime | None,
    typer.Option(
        formats=_TIMES, metavar="DATE", help="Import only what was listed before this time (UTC)."
    ),
]
_ListedFrom = Annotated[
    datetime | None,
    typer.Option(
        formats=_TIMES, metavar="DATE", help="Import only what was listed at this time or later."
    ),
]
_ListedAt = Annotated[
    datetime | None,
    typer.Option(
        formats=_TIMES,
        metavar="DATE",
        help="When the products of a catalogue without times (Rakuten's layout) count as listed; "
        "default: the start of 2020.",
    ),
]
_SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave rows with faults out instead of refusing all.")
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("import")(import_)
    app.command()(generate)


def import_(
    context: typer.Context,
    path: _Path,
    listed_before: _ListedBefore = None,
    listed_from: _ListedFrom = None,
    listed_at: _ListedAt = None,
    skip_invalid: _SkipInvalid = False,
) -> None:
    """Import a catalogue: products, pictures and their first labels.

    PATH holds products.csv (product_id, title, description, category, listed_at, image) beside
    images/, or Rakuten's X_train*.csv, Y_train*.csv and images/. All rows are checked first: one
    fault, and nothing is imported. Importing the same catalogue again changes nothing.

    Example: regain import catalogues/spring --listed-before 2026-03-01
    """
    from ml.adapters.catalogues import InvalidCatalogue
    from ml.tasks.import_catalogue import import_catalogue

    settings: Settings = context.obj
    console = Console()
    try:
        with _StageBars(console) as bars:
            report = import_catalogue(
                Services(settings),
                path,
                listed_from=_in_utc(listed_from),
                listed_before=_in_utc(listed_before),
                listed_at=_in_utc(listed_at),
                skip_invalid=skip_invalid,
                progress=bars,
            )
    except InvalidCatalogue as error:
        _show_faults(console, error.faults)
        raise
    _show_report(console, report)


def generate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder to write to.")],
    products: Annotated[int, typer.Option(min=1, help="How many products to make.")] = 3_000,
    seed: Annotated[int | None, typer.Option(help="Default: REGAIN_SEED, else 42.")] = None,
) -> None:
    """Write a catalogue of a made-up marketplace: 27 categories, five languages, pictures.

    The same seed makes the same products, and a larger catalogue begins with the smaller one.

    Example: regain generate catalogues/made --products 3000 --seed 42
    """
    from ml.simulation.marketplace import Marketplace
    from ml.simulation.replay import write_catalogue

    settings: Settings = context.obj
    console = Console()
    marketplace = Marketplace(seed=settings.seed if seed is None else seed)
    with _StageBars(console) as bars:
        made = _counted(marketplace.products(products), products, bars)
        written = write_catalogue(made, path)
    console.print(f"{written:,} products written to {escape(str(path))}")
    console.print(f"Import them with: regain import {escape(str(path))}", soft_wrap=True)


def _in_utc(time: datetime | None) -> datetime | None:
    """A time given without a zone is UTC."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


class _StageBars:
    """A progress bar for each stage, made when the stage is first heard of."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), console=console
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_StageBars":
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)


def _counted(
    items: Iterable["SimulatedProduct"], total: int, bars: _StageBars
) -> Iterator["SimulatedProduct"]:
    for done, item in enumerate(items, start=1):
        yield item
        bars("making products", done, total)


def _show_faults(console: Console, faults: Sequence["Fault"]) -> None:
    """The first faults as a table."""
    if not faults:
        return
    table = Table(title=f"Faults: {len(faults):,}")
    for column in ("row", "field", "fault", "remedy"):
        table.add_column(column, overflow="fold")
    for fault in faults[:_FAULTS_SHOWN]:
        cells = (str(fault.row), fault.field, fault.reason, fault.remedy)
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    if len(faults) > _FAULTS_SHOWN:
        console.print(f"... and {len(faults) - _FAULTS_SHOWN:,} more")


def _show_report(console: Console, report: "ImportReport") -> None:
    facts = [
        (
            "products",
            f"{report.products:,}, listed {report.oldest:%Y-%m-%d} to {report.newest:%Y-%m-%d}",
        ),
        ("labels", f"{report.labels_new:,} new, {report.labels_already_there:,} already there"),
        ("pictures", f"{report.pictures:,} new; {report.without_picture:,} products have none"),
        (
            "categories",
            f"{len(report.categories_new)} new; label space version {report.label_space_version}",
        ),
    ]
    if report.outside:
        facts.append(("left out", f"{report.outside:,} by their time of listing"))
    if report.rejects is not None:
        facts.append(("rejected", f"{report.rejected:,}; reasons in {report.rejects}"))
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        table.add_row(name, escape(value))
    console.print(table)
