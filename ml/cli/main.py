"""The program `regain`: its global options, its groups of commands, and how errors are shown."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ml.domain.errors import RegainError
from ml.wiring.config import load_settings

# Modules of ml.cli, in the order in which `regain --help` shows their commands.
COMMAND_GROUPS = (
    "stack",
    "catalogue",
    "models",
    "labels",
    "accuracy",
    "rollout",
    "lineage",
    "alerts",
    "drill",
    "demo",
)

_HELP = """Keep a product classifier as accurate in production as the day it shipped.

Settings are REGAIN_* environment variables; they have defaults that suit one machine.

Example: regain up && regain status
"""

_State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="Folder of everything regain writes (default: REGAIN_STATE, else .state).",
    ),
]


def build() -> typer.Typer:
    """The command-line application with every command registered."""
    app = typer.Typer(
        name="regain",
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_settle)
    for group in COMMAND_GROUPS:
        import_module(f"ml.cli.{group}").register(app)
    return app


def _settle(context: typer.Context, state: _State = None) -> None:
    context.obj = load_settings() if state is None else load_settings(state=state)


def run() -> None:
    """Run the program; expected failures are one message on stderr and exit status 1."""
    try:
        build()()
    except RegainError as error:
        typer.echo(f"regain: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"regain: {place}{error.strerror or error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
