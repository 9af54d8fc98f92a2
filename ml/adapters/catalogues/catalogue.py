"""A whole catalogue, checked: the rows that are fit to import, and all that is wrong with others.

Rows are streamed; what is kept is their text. Pictures are read one at a time by each thread.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from ml.adapters.catalogues.checks import CatalogueRow, Limits, RowChecker, parse_time
from ml.adapters.catalogues.detect import detect_layout
from ml.adapters.catalogues.entries import Entry, Layout
from ml.adapters.catalogues.faults import Fault, FieldFault, InvalidCatalogue

_BATCH = 256  # rows whose pictures are checked together


@dataclass(frozen=True, kw_only=True)
class Span:
    """The rows wanted: `listed_from` <= listed_at < `listed_before`; None is unbounded."""

    listed_from: datetime | None = None
    listed_before: datetime | None = None

    def __contains__(self, time: datetime) -> bool:
        return (self.listed_from is None or time >= self.listed_from) and (
            self.listed_before is None or time < self.listed_before
        )


_ALWAYS = Span()


@dataclass(frozen=True)
class CheckedRows:
    """`rows` in the order of the file; `outside` counts those that the span leaves out."""

    rows: tuple[CatalogueRow, ...]
    faults: tuple[Fault, ...]
    outside: int


@dataclass(frozen=True)
class Catalogue:
    """A catalogue of a known layout; nothing is read before it is asked for."""

    folder: Path
    layout: Layout

    def check(
        self,
        limits: Limits,
        *,
        span: Span = _ALWAYS,
        workers: int = 4,
        on_progress: Callable[[int], None] | None = None,
    ) -> CheckedRows:
        """Check every row and the bytes of every picture.

        Of the rows outside the span only id and time are looked at. `on_progress` is told how many
        rows are checked so far.
        """
        checker = RowChecker(self.layout.columns, limits, self.layout.pictures)
        checked = _check_texts(self.layout.entries(), checker, span)
        rows: list[CatalogueRow] = []
        faults: list[Fault] = []
        outside = seen = 0
        with ThreadPoolExecutor(workers) as pool:
            while batch := list(islice(checked, _BATCH)):
                texts = [item for item in batch if isinstance(item, CatalogueRow)]
                results = list(pool.map(checker.with_digest, texts))
                rows += (item for item in results if isinstance(item, CatalogueRow))
                faults += (item for item in (*batch, *results) if isinstance(item, Fault))
                outside += batch.count(None)
                seen += len(batch)
                if on_progress is not None:
                    on_progress(seen)
        faults.sort(key=lambda fault: fault.row)
        return CheckedRows(tuple(rows), tuple(faults), outside)

    def listings(self) -> list[CatalogueRow]:
        """All rows, for a replay: pictures are found but not opened, sizes have no limit.

        Raises InvalidCatalogue when a row has a fault.
        """
        checker = RowChecker(self.layout.columns, Limits(), self.layout.pictures)
        checked = list(_check_texts(self.layout.entries(), checker, _ALWAYS))
        faults = [item for item in checked if isinstance(item, Fault)]
        if faults:
            raise InvalidCatalogue(
                f"{self.folder} has {len(faults):,} faulty rows, the first: {faults[0]}; "
                "`regain import` lists all",
                faults,
            )
        return [item for item in checked if isinstance(item, CatalogueRow)]


def open_catalogue(folder: Path, *, listed_at: datetime | None = None) -> Catalogue:
    """The catalogue in a folder, of either layout; raises InvalidInput when there is none.

    `listed_at` stands in for the time that Rakuten's layout lacks.
    """
    return Catalogue(folder, detect_layout(folder, listed_at=listed_at))


def _check_texts(
    entries: Iterable[Entry | Fault], checker: RowChecker, span: Span
) -> Iterator[CatalogueRow | Fault | None]:
    """Each row with its text checked, or its faults; None for a row outside the span."""
    for entry in entries:
        if isinstance(entry, Fault):
            yield entry
            continue
        id_fault = checker.claim_id(entry)
        if _is_outside(entry, span):
            yield id_fault
            continue
        checked = checker.check(entry)
        faults = checked if isinstance(checked, list) else []
        if id_fault is not None:
            faults = [id_fault, *faults]
        if faults:
            yield from faults
        elif isinstance(checked, CatalogueRow):
            yield checked


def _is_outside(entry: Entry, span: Span) -> bool:
    """Whether the row's time is readable and outside; an unreadable one is a fault later on."""
    try:
        return parse_time(entry.listed_at) not in span
    except FieldFault:
        return False
