"""Which layout a folder has."""

from datetime import UTC, datetime
from pathlib import Path

from ml.adapters.catalogues.entries import Layout
from ml.adapters.catalogues.rakuten import RakutenLayout
from ml.adapters.catalogues.regain import RegainLayout
from ml.domain.catalogues import CATALOGUE_FILE
from ml.domain.errors import InvalidInput

RAKUTEN_LISTED_AT = datetime(2020, 1, 1, tzinfo=UTC)
"""Stands for the time that Rakuten's files don't tell (the year of its data challenge). A constant,
not the time of import: importing the same files again must state the same labels."""


def detect_layout(folder: Path, *, listed_at: datetime | None = None) -> Layout:
    """The layout of a catalogue's folder; raises InvalidInput naming what was looked for.

    `listed_at` is for catalogues that carry no time; for others it is refused.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder; name the one that holds the catalogue")
    if (folder / CATALOGUE_FILE).is_file():
        if listed_at is not None:
            raise InvalidInput(f"{CATALOGUE_FILE} has its own listed_at; leave --listed-at out")
        return RegainLayout(folder)
    products, labels = _only(folder, "X_train*.csv"), _only(folder, "Y_train*.csv")
    if products is None or labels is None:
        raise InvalidInput(
            f"{folder} holds no catalogue: neither {CATALOGUE_FILE} nor X_train*.csv with "
            "Y_train*.csv"
        )
    return RakutenLayout(products, labels, (listed_at or RAKUTEN_LISTED_AT).isoformat())


def _only(folder: Path, pattern: str) -> Path | None:
    """The file of this pattern, None when there is none; raises InvalidInput for several."""
    found = sorted(folder.glob(pattern))
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InvalidInput(f"{folder} holds several {pattern}: {names}; keep one")
    return found[0] if found else None
