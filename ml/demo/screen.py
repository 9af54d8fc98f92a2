"""What the demo found, as people read it in a terminal."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ml.demo import screen_tables
from ml.demo.options import DemoOptions, shown_settings
from ml.demo.report import DemoReport, SabotageReport
from ml.demo.screen_tables import share
from ml.wiring.config import Settings

_COLUMNS = 3


def show_settings(settings: Settings, options: DemoOptions, console: Console) -> None:
    """The numbers that decide in this demo, before it begins."""
    values = {
        "stretch": options.stretch,
        "stretches": options.stretches,
        "label_share": options.label_share,
        **shown_settings(settings),
    }
    title = "What decides (set by --stretch, --stretches, --label-share, and REGAIN_<NAME>)"
    table = Table(title=title, show_header=False, box=None)
    for _ in range(_COLUMNS):
        table.add_column(style="dim")
        table.add_column(justify="right")
    cells = [(name, _value(value)) for name, value in values.items()]
    rows = -(-len(cells) // _COLUMNS)
    for row in range(rows):
        table.add_row(*(text for cell in cells[row::rows] for text in cell))
    console.print(table)


def show(report: DemoReport, folder: Path, console: Console, *, kept: bool) -> None:
    """The whole report, short; `kept`: the services still run."""
    console.print(Panel(_verdict(report), title="regain demo", expand=False))
    console.print(screen_tables.accuracy(report))
    console.print(screen_tables.decisions(report))
    if report.comparisons:
        console.print(screen_tables.comparisons(report))
    if report.needed:
        console.print(screen_tables.needed(report))
    if report.labels_say:
        console.print(screen_tables.labels_say(report))
    for line in _accounts(report):
        console.print(line, highlight=False)
    console.print(f"\nThe picture: {folder / 'report.html'}", soft_wrap=True)
    console.print(f"The same as JSON: {folder / 'report.json'}", soft_wrap=True)
    console.print(_services(folder, kept=kept), soft_wrap=True)


def show_broken_off(folder: Path, console: Console, *, kept: bool) -> None:
    """What is left of a demo that could not go on."""
    console.print(
        f"\nThe demo broke off; what it wrote and the logs are in {folder}", soft_wrap=True
    )
    console.print(_services(folder, kept=kept), soft_wrap=True)


def _services(folder: Path, *, kept: bool) -> str:
    regain = f"regain --state {folder}"
    if kept:
        return f"To stop the services: {regain} down"
    return f"The services are stopped; to look around: {regain} up"


def _verdict(report: DemoReport) -> str:
    if not report.closed:
        return "[bold red]The loop did not close:[/] " + escape("; ".join(report.faults))
    return f"[bold green]The loop closed[/] in {report.seconds / 60:.1f} minutes: {_gain(report)}"


def _gain(report: DemoReport) -> str:
    figures = report.accuracy
    after = f"[bold]{share(figures.after)}[/]"
    if report.changed_at is None:
        first = share(figures.first_version_on_later_products)
        return f"{after} of {figures.later_products} later products are right, by version 1 {first}"
    return (
        f"served accuracy {share(figures.before)} → {share(figures.drifted)} with the drift → "
        f"{after} after the retraining"
    )


def _accounts(report: DemoReport) -> list[str]:
    counts, sabotage = report.counts, report.sabotage
    lines = [
        f"predictions: {counts.predictions} answered, {report.lost.predictions} lost, "
        f"{report.doubled.predictions} doubled",
        f"labels: {counts.imported_labels} imported, {counts.review_labels} by reviewers (right in "
        f"{share(counts.reviewers_right)}), {report.lost.labels} lost, "
        f"{report.doubled.labels} doubled",
        f"shadow scores: {report.shadow.stored} stored, {report.shadow.dropped} dropped, "
        f"{report.shadow.failed} failed",
        f"memory: {report.peak_rss_mb:.0f} MB at most, all processes",
    ]
    if sabotage and sabotage.rolled_back:
        lines.insert(
            0,
            f"sabotage: version {sabotage.version} was stopped ({sabotage.verdict}) after "
            f"{sabotage.labels} labels, {sabotage.wins} won and {sabotage.losses} lost"
            + _gone(sabotage),
        )
    if counts.sweeps:
        lines.append(f"retrainings that the driver had to start, as the sweep: {counts.sweeps}")
    return lines


def _gone(sabotage: SabotageReport) -> str:
    """How fast; the next product of its slice is when one can tell."""
    seconds = sabotage.seconds_until_unserved
    if seconds is None:
        return ""
    if not sabotage.answers_after_rollback:
        return f"; it gave no answer after that (looked at {seconds:.2f} s later)"
    return f"; {seconds:.2f} s later it answered nobody any more"


def _value(value: float | bool) -> str:
    return str(value) if isinstance(value, (bool, int)) else f"{value:.4g}"
