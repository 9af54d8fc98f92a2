"""`regain accuracy`: how often the answers were right, of all that was served."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ml.cli.tables import print_table
from ml.rollout.accuracy import EXPLANATION, AccuracyReport, SliceAccuracy, measure_accuracy
from ml.rollout.agreement import Agreement
from ml.stats.proportion import ShareEstimate
from ml.tasks.times import time_of
from ml.wiring.build import Services

_HEADINGS = ("of", "drawn", "labels", "weighted", "95 %", "if missing", "naive", "with confidence")


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(accuracy)


def accuracy(
    context: typer.Context,
    version: Annotated[
        int | None, typer.Argument(min=1, help="Of the model; default: the champion.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Answers from then on, as 2026-01-01T00:00:00+00:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Answers up to then.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show how often a version was right, of all it served, with 95 % intervals and by slices.

    People review hard products first, so the plain share of right answers among reviewed products
    (naive) is far too low. Weighted, each speaks for the served products it was drawn from.

    Example: regain accuracy --since 2026-01-01T00:00:00+00:00
    """
    services = Services(context.obj)
    report = measure_accuracy(
        services.ledger,
        services.windows,
        services.label_spaces,
        as_of=datetime.now(UTC),
        version=version,
        since=time_of(since) if since is not None else None,
        until=time_of(until) if until is not None else None,
    )
    if as_json:
        typer.echo(json.dumps(asdict(report), default=datetime.isoformat, indent=2))
    else:
        _show(report)


def _show(report: AccuracyReport) -> None:
    typer.echo(f"version {report.model_version}, {report.served} products served; {EXPLANATION}")
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "of" else "right")
    dimension = ""
    for each in report.slices:
        if each.dimension not in (dimension, "overall"):
            table.add_row(f"[dim]by {each.dimension}[/]")
        dimension = each.dimension
        table.add_row(*_cells(each))
    print_table(table)
    typer.echo(_told(report.agreement))


def _cells(each: SliceAccuracy) -> tuple[str, ...]:
    name = escape(each.name) if each.dimension == "overall" else f"  {escape(each.name)}"
    bounds = _span(each.worst, each.best)
    if not each.labelled:
        return name, str(each.drawn), "0", "", "", bounds
    powered = each.powered.estimate if each.powered else None
    return (
        name,
        str(each.drawn),
        str(each.labelled),
        f"{each.weighted.value:.1%}",
        _span(each.weighted.low, each.weighted.high),
        bounds,
        f"{each.naive.value:.1%}",
        f"{powered.value:.1%} ({_span(powered.low, powered.high)})" if powered else "",
    )


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.1%} - {high:.1%}"


def _told(agreement: Agreement) -> str:
    """What the second reviews say of the labels."""
    share: ShareEstimate = agreement.share
    if agreement.error is None:
        return "no product has two reviewers yet: how often labels are wrong is not known"
    told = (
        f"the first two reviewers of {share.labels} products agree on {share.value:.1%} "
        f"({_span(share.low, share.high)}): if they err independently, {agreement.error:.1%} of "
        "labels are wrong"
    )
    if agreement.label_inflation is None:
        return f"{told}; such labels decide nothing"
    return (
        f"{told}, and comparing two models takes up to {agreement.label_inflation:.2f} x the labels"
    )
