"""What is wrong with a catalogue, row by row, and what to do about it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one row; rows count as in a spreadsheet, the header being row 1."""

    row: int
    field: str
    reason: str
    remedy: str
    product_id: str = ""

    def __str__(self) -> str:
        return f"row {self.row}, {self.field}: {self.reason}; {self.remedy}"


class FieldFault(Exception):
    """Raised by the check of one field; becomes a Fault of its row."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class InvalidCatalogue(InvalidInput):
    """A catalogue with faults, of which nothing was imported."""

    def __init__(self, message: str, faults: Sequence[Fault]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Write all faults as CSV, one line a fault; bytes that are no text are written escaped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(field.name for field in fields(Fault))
        rows.writerows(
            (fault.row, fault.field, fault.reason, fault.remedy, fault.product_id)
            for fault in faults
        )
