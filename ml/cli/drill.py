"""`regain fire-drill`: do gate and judge still stop what is known to be bad?"""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ml.cli.tables import print_table
from ml.wiring.build import Services

if TYPE_CHECKING:
    from ml.tasks.drill_matrix import Cell, DrillResult

_VERDICTS = {"ok": "[green]ok[/]", "failed": "[red]FAILED[/]", "undecided": "[yellow]undecided[/]"}


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(fire_drill)


def fire_drill(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Put models that are known to be bad before the gate and the judge, as the DAG does monthly.

    They are made from the champion and answer recorded products: no traffic is touched. Takes about
    as long as an evaluation, half a minute more for a model that is slow on purpose. A guard that
    lets one pass, or stops the champion itself, raises an alert, and the exit status is 1.

    Example: regain fire-drill
    """
    # The models' libraries are only paid for by this command.
    from ml.tasks.drill_matrix import check_drill
    from ml.tasks.fire_drill import fire_drill as drill

    result = drill(as_of=datetime.now(UTC).isoformat(), services=Services(context.obj))
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _show(result)
    check_drill(result)


def _show(result: "DrillResult") -> None:
    if result["cells"]:
        table = Table(box=None, pad_edge=False)
        for heading in ("model", "guard", "expected", "said", "", "why"):
            table.add_column(heading)
        for cell in result["cells"]:
            table.add_row(*_row(cell))
        print_table(table)
        typer.echo(f"version {result['model_version']}, {result['products']:,} recorded products")
    typer.echo(result["summary"])


def _row(cell: "Cell") -> tuple[str, ...]:
    return (
        cell["model"],
        f"the {cell['guard']}",
        cell["expected"],
        cell["said"],
        _VERDICTS[cell["verdict"]],
        escape(cell["reason"]),
    )
