"""Tables for people, as wide as their terminal; in a file or a pipe as wide as they need."""

import sys

from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_FILE = 160


def print_table(table: Table) -> None:
    """Print it on standard output."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    Console(width=width, highlight=False).print(table)
