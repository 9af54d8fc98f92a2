"""regain's layout: `products.csv` beside `images/`; the column `image` names a file in there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.adapters.catalogues.entries import Entry
from ml.adapters.catalogues.faults import Fault
from ml.adapters.catalogues.records import read_records
from ml.domain.catalogues import CATALOGUE_COLUMNS, CATALOGUE_FILE, PICTURES_FOLDER


@dataclass(frozen=True)
class RegainLayout:
    """A folder with regain's layout. An empty `image` is a product without a picture."""

    folder: Path

    @property
    def pictures(self) -> Path:
        return self.folder / PICTURES_FOLDER

    @property
    def columns(self) -> Mapping[str, str]:
        return {column: column for column in CATALOGUE_COLUMNS}

    def entries(self) -> Iterator[Entry | Fault]:
        for record in read_records(self.folder / CATALOGUE_FILE, CATALOGUE_COLUMNS):
            if isinstance(record, Fault):
                yield record
            else:
                fields = {column: record.values[column] for column in CATALOGUE_COLUMNS}
                yield Entry(row=record.row, **fields)
