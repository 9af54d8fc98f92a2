"""Tables and trees for people: as wide as their terminal, in a file or a pipe as they need."""

import sys

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

_WIDTH_OF_A_FILE = 160
_WIDEST = 4_000


def print_table(table: Table) -> None:
    """Print it on standard output."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    Console(width=width, highlight=False).print(table)


def print_tree(tree: Tree) -> None:
    """Print it on standard output; in a file or a pipe no line is broken."""
    width = None if sys.stdout.isatty() else _WIDEST
    Console(width=width, highlight=False).print(tree)
