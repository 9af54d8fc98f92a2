"""`regain alerts`: what drifted, and what was tried about it."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ml.cli.tables import print_table
from ml.domain.drift import Action, AlertRecord, Attempt
from ml.wiring.build import Services
from ml.wiring.config import Settings


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(alerts)


def alerts(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show every alert with the retrainings it led to, oldest first.

    The DAG retrain_on_drift takes the alerts `retrain`; the others ask people: `investigate`
    whether a category emerges, `review` the grey zone, `repair` what keeps failing.

    Example: regain alerts --json
    """
    settings: Settings = context.obj
    records = Services(settings).alerts.history()
    if as_json:
        typer.echo(json.dumps([_as_json(record) for record in records], indent=2))
    elif not records:
        typer.echo("no alert yet; the DAG check_drift looks every day")
    else:
        _show(records, max_attempts=settings.alert_max_attempts)


def _show(records: list[AlertRecord], *, max_attempts: int) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "asks for", "version", "state", "why"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for record in records:
        alert = record.alert
        table.add_row(
            f"{alert.at:%Y-%m-%d %H:%M}",
            alert.action.value,
            str(alert.model_version),
            _state(record, max_attempts),
            escape(alert.reason),
        )
        for attempt in record.attempts:
            table.add_row("", "", "", _end(attempt), escape(f"{attempt.claimant} {attempt.detail}"))
    print_table(table)


def _state(record: AlertRecord, max_attempts: int) -> str:
    if record.alert.action is not Action.RETRAIN:
        return "[yellow]for people[/]"
    if record.settled:
        return "[green]settled[/]"
    if record.attempts and record.attempts[-1].succeeded is None:
        return "[cyan]retraining[/]"
    given_up = record.failures >= max_attempts
    return "[red]given up[/]" if given_up else "[yellow]waiting[/]"


def _end(attempt: Attempt) -> str:
    if attempt.succeeded is None:
        return "[dim]  runs[/]"
    return "[dim]  succeeded[/]" if attempt.succeeded else "[dim]  failed[/]"


def _as_json(record: AlertRecord) -> dict[str, object]:
    alert = record.alert
    return {
        "alert_id": alert.alert_id,
        "action": alert.action.value,
        "version": alert.model_version,
        "at": alert.at.isoformat(),
        "window_start": alert.window_start.isoformat(),
        "reason": alert.reason,
        "numbers": dict(alert.numbers),
        "settled": record.settled,
        "attempts": [
            {"claimant": one.claimant, "succeeded": one.succeeded, "detail": one.detail}
            for one in record.attempts
        ],
    }
