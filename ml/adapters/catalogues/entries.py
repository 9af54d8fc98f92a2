"""What every layout is brought to: one entry a row, its text unchecked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ml.adapters.catalogues.faults import Fault


@dataclass(frozen=True)
class Entry:
    """One row as it stands; `image` is a path below the layout's `pictures`, empty for none."""

    row: int
    product_id: str
    title: str
    description: str
    category: str
    listed_at: str
    image: str


class Layout(Protocol):
    """A catalogue on disk. `columns` gives an Entry's fields the names that its user knows."""

    @property
    def pictures(self) -> Path:
        """The folder outside of which no picture is read."""
        ...

    @property
    def columns(self) -> Mapping[str, str]: ...

    def entries(self) -> Iterator[Entry | Fault]:
        """All rows in the order of the file; those that can't be read as faults."""
        ...
