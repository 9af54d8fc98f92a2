"""A time-stamped real catalogue as a stream of products, and a stream written as a catalogue."""

import csv
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ml.domain.catalogues import CATALOGUE_COLUMNS, CATALOGUE_FILE, PICTURES_FOLDER
from ml.domain.errors import InvalidInput
from ml.simulation.items import SimulatedProduct


class Listing(Protocol):
    """A catalogue's row, its picture still in a file."""

    @property
    def product_id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def listed_at(self) -> datetime: ...
    @property
    def picture(self) -> Path | None: ...


def replay(listings: Iterable[Listing]) -> Iterator[SimulatedProduct]:
    """The listings in the order of `listed_at` (then of product id), each picture read in its turn.

    Holds the rows, never more than one picture.
    """
    for listing in sorted(listings, key=lambda row: (row.listed_at, row.product_id)):
        yield SimulatedProduct(
            product_id=listing.product_id,
            title=listing.title,
            description=listing.description,
            picture=listing.picture.read_bytes() if listing.picture else None,
            category=listing.category,
            listed_at=listing.listed_at,
        )


def write_catalogue(products: Iterable[SimulatedProduct], folder: Path) -> int:
    """Write regain's layout (`products.csv` beside `images/`) and return the number of products.

    `products.csv` appears last, so a folder that has it is complete. Raises InvalidInput when the
    folder holds a catalogue already.
    """
    target = folder / CATALOGUE_FILE
    if target.exists():
        raise InvalidInput(f"{target} exists already; name another folder or remove it")
    pictures = folder / PICTURES_FOLDER
    pictures.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{CATALOGUE_FILE}.partial"
    written = 0
    with partial.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(CATALOGUE_COLUMNS)
        for product in products:
            written += 1
            rows.writerow(_row(product, pictures, written))
    os.replace(partial, target)
    return written


def _row(product: SimulatedProduct, pictures: Path, number: int) -> tuple[str, ...]:
    """The CSV row of a product, whose picture is written on the way.

    Pictures are numbered: a product id need not be a file name.
    """
    image = ""
    if product.picture is not None:
        image = f"{number:07d}.jpg"
        (pictures / image).write_bytes(product.picture)
    return (
        product.product_id,
        product.title,
        product.description,
        product.category,
        product.listed_at.isoformat(),
        image,
    )
