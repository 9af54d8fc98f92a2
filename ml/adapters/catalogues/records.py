"""CSV files of strangers as records: streamed, in bounded memory, each defect a fault of its row.

A record that can't be parsed (an unbalanced quote, say) is given up from its first line only: the
reading goes on at the line after it, so one stray quote doesn't swallow the rows that follow.
"""

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ml.adapters.catalogues.faults import Fault

MAX_LINE = 2**20
"""Characters of a physical line, and of one field; a longer one is a fault."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Record:
    """One row by column name; `row` counts as in a spreadsheet, the header being row 1.

    Bytes that are not UTF-8 are kept as lone surrogates (`surrogateescape`).
    """

    row: int
    values: Mapping[str, str]


def read_records(path: Path, columns: Sequence[str]) -> Iterator[Record | Fault]:
    """The rows of a UTF-8 CSV file with at least these columns; blank lines are passed over."""
    with path.open("rb") as raw:
        if raw.read(2) in _UTF16:
            yield Fault(1, "file", f"{path.name} is encoded as UTF-16", "save it as UTF-8")
            return
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = _rows(_Lines(file))
        _, header = next(rows, (1, []))
        if isinstance(header, str):
            yield Fault(1, "header", f"{path.name}: {header}", "repair the first line")
            return
        header = [name.strip() for name in header]
        fault = _header_fault(path, header, columns)
        if fault is not None:
            yield fault
            return
        yield from _records(rows, header)


def _header_fault(path: Path, header: list[str], columns: Sequence[str]) -> Fault | None:
    missing = [column for column in columns if column not in header]
    if missing:
        found = ", ".join(name[:40] for name in header[:20]) or "nothing"
        return Fault(
            1,
            ", ".join(missing),
            f"{path.name} lacks columns; found: {found}",
            f"the first line must name {', '.join(columns)}, separated by commas",
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        return Fault(1, ", ".join(twice), "columns are named twice", "keep one of each")
    return None


def _records(
    rows: Iterator[tuple[int, list[str] | str]], header: list[str]
) -> Iterator[Record | Fault]:
    for row, values in rows:
        if isinstance(values, str):
            yield Fault(row, "row", values, "close or double the quote, or shorten the row")
        elif any(values) and len(values) != len(header):
            yield Fault(
                row,
                "row",
                f"has {len(values)} fields, the header {len(header)}",
                "quote fields that contain commas, quotes or line breaks",
            )
        elif any(values):
            yield Record(row, dict(zip(header, values, strict=True)))


class _Lines:
    """Physical lines, with a way back to the second line of the record being read."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self._taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read()
        if not line:
            raise StopIteration
        self._taken.append(line)
        if len(line) > MAX_LINE:
            raise csv.Error(f"the line is longer than {MAX_LINE:,} characters")
        return line

    def _read(self) -> str:
        """The next line; of one over the limit its first part, the rest is passed over."""
        line = part = self._file.readline(MAX_LINE + 1)
        while len(part) > MAX_LINE and not part.endswith(("\n", "\r")):
            part = self._file.readline(MAX_LINE + 1)
        return line

    def begin_record(self) -> None:
        self._taken.clear()

    def taken(self) -> int:
        """Lines of the current record so far."""
        return len(self._taken)

    def give_back(self) -> None:
        """Return all lines of the record but its first."""
        self._ahead.extendleft(reversed(self._taken[1:]))


def _rows(lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """Row number and fields, or row number and what is wrong with it."""
    row = 0
    width: int | None = None
    while True:
        row += 1
        lines.begin_record()
        reader = csv.reader(lines, strict=True)
        try:
            values = _next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.give_back()
            yield row, f"can't be read as CSV: {error}"
            continue
        if width is not None and values and len(values) != width and lines.taken() > 1:
            lines.give_back()  # a stray quote may have joined several rows into this one
            yield (
                row,
                f"a quoted field runs over {lines.taken()} lines and leaves {len(values)} fields",
            )
            continue
        width = width or len(values)
        yield row, values


def _next(reader: Iterator[list[str]]) -> list[str]:
    """One record under our own field limit; csv knows only one for the whole process."""
    limit = csv.field_size_limit(MAX_LINE)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(limit)
