"""Rakuten's layout: `X_train*.csv`, `Y_train*.csv` joined by their first column, and pictures named
`image_<imageid>_product_<productid>.jpg`.

Its files carry no time: every product counts as listed at one given moment. Every product has a
picture; one whose file is missing is a fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.adapters.catalogues.entries import Entry
from ml.adapters.catalogues.faults import Fault
from ml.adapters.catalogues.records import Record, read_records
from ml.domain.catalogues import PICTURES_FOLDER

_PRODUCT_COLUMNS = ("designation", "description", "productid", "imageid")
_TRAIN_PICTURES = "image_train"


@dataclass(frozen=True)
class RakutenLayout:
    """The two files and the moment that counts as `listed_at` of every product."""

    products: Path
    labels: Path
    listed_at: str

    @property
    def pictures(self) -> Path:
        return self.products.parent / PICTURES_FOLDER

    @property
    def columns(self) -> Mapping[str, str]:
        return {
            "product_id": "productid",
            "title": "designation",
            "description": "description",
            "category": "prdtypecode",
            "listed_at": "--listed-at",
            "image": "imageid",
        }

    def entries(self) -> Iterator[Entry | Fault]:
        categories: dict[str, str] = {}
        for label in read_records(self.labels, ("prdtypecode",)):
            fault = label if isinstance(label, Fault) else _keep(label, categories)
            if fault is not None:
                yield self._of_labels(fault)
        for product in read_records(self.products, _PRODUCT_COLUMNS):
            yield product if isinstance(product, Fault) else self._entry(product, categories)
        for index in categories:  # those that no product took
            yield self._of_labels(
                Fault(0, "index", f"index {index[:40]!r} names no product", "remove the label")
            )

    def _entry(self, record: Record, categories: dict[str, str]) -> Entry | Fault:
        values = record.values
        index = _index(record)
        if index not in categories:
            return Fault(
                record.row,
                "prdtypecode",
                f"{self.labels.name} has no label of index {index[:40]!r}",
                "add its label, or remove the product",
                values["productid"],
            )
        if not _is_number(values["productid"]) or not _is_number(values["imageid"]):
            return Fault(
                record.row,
                "productid, imageid",
                f"{values['productid'][:40]!r}, {values['imageid'][:40]!r} are not both numbers",
                "give the numbers of Rakuten's files",
                values["productid"],
            )
        return Entry(
            row=record.row,
            product_id=values["productid"],
            title=values["designation"],
            description=values["description"],
            category=categories.pop(index),
            listed_at=self.listed_at,
            image=self._image(values),
        )

    def _image(self, values: Mapping[str, str]) -> str:
        """Where the product's picture lies; the archive may have been unpacked with its folder."""
        name = f"image_{values['imageid']}_product_{values['productid']}.jpg"
        nested = f"{_TRAIN_PICTURES}/{name}"
        return nested if (self.pictures / nested).exists() else name

    def _of_labels(self, fault: Fault) -> Fault:
        """The fault, said to be of the label file: rows otherwise count the product file."""
        return Fault(fault.row, fault.field, f"{self.labels.name}: {fault.reason}", fault.remedy)


def _keep(label: Record, categories: dict[str, str]) -> Fault | None:
    index = _index(label)
    if index in categories:
        return Fault(label.row, "index", f"index {index[:40]!r} comes twice", "remove one of them")
    categories[index] = label.values["prdtypecode"]
    return None


def _index(record: Record) -> str:
    return next(iter(record.values.values()))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20
