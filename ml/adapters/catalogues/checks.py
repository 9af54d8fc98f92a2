"""Checks of one row's text: what can't be a product is a fault, never an exception.

Rules a user must know: a title is required, also beside a picture (a seller's listing has one; an
empty one is a broken export). So is a category: an import brings first labels. A `listed_at` is ISO
8601 with a zone; a date alone is its midnight in UTC.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ml.adapters.catalogues.entries import Entry
from ml.adapters.catalogues.faults import Fault, FieldFault
from ml.domain.digests import digest_bytes
from ml.domain.errors import InvalidInput
from ml.domain.labels import checked_category
from ml.domain.products import checked_product_id, checked_time
from ml.models.pictures import check_picture

T = TypeVar("T")

_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a product may be: in characters, in bytes of its picture's file, in pixels."""

    max_title_length: int = sys.maxsize
    max_description_length: int = sys.maxsize
    max_picture_bytes: int = sys.maxsize
    max_picture_pixels: int = sys.maxsize


@dataclass(frozen=True)
class CatalogueRow:
    """One row that passed the checks. `picture_digest` is the SHA-256 of the bytes of `picture`."""

    row: int
    product_id: str
    title: str
    description: str
    category: str
    listed_at: datetime
    picture: Path | None
    picture_digest: str | None = None


def parse_time(text: str) -> datetime:
    """An ISO 8601 time in UTC; a date alone is its midnight. Raises FieldFault.

    >>> parse_time("2012-03-01").isoformat(), parse_time("2012-03-01T02:00:00+02:00").isoformat()
    ('2012-03-01T00:00:00+00:00', '2012-03-01T00:00:00+00:00')
    """
    try:
        time = datetime.fromisoformat(text.strip())
        if time.tzinfo is None and _DATE.fullmatch(text.strip()):
            time = time.replace(tzinfo=UTC)
        if time.tzinfo is None:
            raise FieldFault(f"{text[:40]!r} has no time zone", "append +00:00, or give a date")
        return checked_time(time)
    except InvalidInput as error:
        raise FieldFault(f"{text[:40]!r} {error}", "correct the year") from None
    except ValueError:
        raise FieldFault(
            f"{text[:40]!r} is not an ISO 8601 time", "write it like 2012-03-01T14:00:00+00:00"
        ) from None


class RowChecker:
    """Checks rows one after the other, remembering the ids it has seen."""

    def __init__(self, columns: Mapping[str, str], limits: Limits, pictures: Path) -> None:
        self._columns = columns
        self._limits = limits
        self._pictures = pictures.resolve()
        self._rows_by_id: dict[str, int] = {}

    def claim_id(self, entry: Entry) -> Fault | None:
        """Take the row's product id, or say what is wrong with it."""
        try:
            product_id = _product_id(entry.product_id)
            first = self._rows_by_id.setdefault(product_id, entry.row)
            if first != entry.row:
                raise FieldFault(f"{product_id[:40]!r} is the id of row {first} too", "remove one")
        except FieldFault as fault:
            return self.fault(entry.row, "product_id", entry.product_id, fault)
        return None

    def check(self, entry: Entry) -> CatalogueRow | list[Fault]:
        """The row with everything checked but its id and its picture's bytes, or all its faults."""
        faults: list[Fault] = []

        def checked(field: str, text: str, check: Callable[[str], T], otherwise: T) -> T:
            try:
                return check(text)
            except FieldFault as fault:
                faults.append(self.fault(entry.row, field, entry.product_id, fault))
                return otherwise

        row = CatalogueRow(
            row=entry.row,
            product_id=entry.product_id.strip(),
            title=checked("title", entry.title, self._title, ""),
            description=checked("description", entry.description, self._description, ""),
            category=checked("category", entry.category, _category, ""),
            listed_at=checked("listed_at", entry.listed_at, parse_time, _NO_TIME),
            picture=checked("image", entry.image, self._picture, None),
        )
        return faults or row

    def with_digest(self, row: CatalogueRow) -> CatalogueRow | Fault:
        """The row with its picture's digest; decodes the picture, so it is worth a thread."""
        if row.picture is None:
            return row
        try:
            digest = _picture_digest(row.picture, self._limits)
        except FieldFault as fault:
            return self.fault(row.row, "image", row.product_id, fault)
        return replace(row, picture_digest=digest)

    def fault(self, row: int, field: str, product_id: str, fault: FieldFault) -> Fault:
        return Fault(row, self._columns[field], fault.reason, fault.remedy, product_id[:60])

    def _title(self, text: str) -> str:
        if not text.strip():
            raise FieldFault("is empty", "give every product a title")
        return _text(text, self._limits.max_title_length)

    def _description(self, text: str) -> str:
        return _text(text, self._limits.max_description_length)

    def _picture(self, image: str) -> Path | None:
        if not image:
            return None
        _refuse_what_is_no_text(image)
        try:
            path = (self._pictures / image).resolve()
            inside, there = path.is_relative_to(self._pictures), path.is_file()
        except (OSError, RuntimeError):  # a name too long, links in a circle
            inside, there = True, False
        if not inside:
            raise FieldFault(
                f"{image[:80]!r} leads out of {self._pictures.name}/", "name a file in that folder"
            )
        if not there:
            raise FieldFault(
                f"{image[:80]!r} is not in {self._pictures.name}/",
                "add it, name none, or pass over the row with --skip-invalid",
            )
        return path


def _product_id(text: str) -> str:
    product_id = text.strip()
    if not product_id:
        raise FieldFault("is empty", "give every product an id of its own")
    _refuse_what_is_no_text(product_id)
    try:
        return checked_product_id(product_id)
    except InvalidInput as error:
        raise FieldFault(str(error), "give the product a shorter, plain id") from None


def _text(text: str, longest: int) -> str:
    _refuse_what_is_no_text(text)
    if len(text) > longest:
        raise FieldFault(f"has {len(text):,} characters", f"at most {longest:,} are allowed")
    return text


def _category(text: str) -> str:
    _refuse_what_is_no_text(text)
    try:
        return checked_category(text)
    except InvalidInput as error:
        raise FieldFault(str(error), "name the product's category") from None


def _refuse_what_is_no_text(text: str) -> None:
    bad = _NOT_TEXT.search(text)
    if bad is None:
        return
    if bad[0] == "\0":
        raise FieldFault(f"has a NUL byte at character {bad.start() + 1}", "remove it")
    raise FieldFault(
        f"byte 0x{ord(bad[0]) & 0xFF:02X} at character {bad.start() + 1} is not UTF-8",
        "save the file as UTF-8",
    )


def _picture_digest(path: Path, limits: Limits) -> str:
    """SHA-256 of a picture's file that is small enough and can be decoded."""
    try:
        size = path.stat().st_size
        if size > limits.max_picture_bytes:
            raise FieldFault(
                f"{path.name} has {size:,} bytes",
                f"at most {limits.max_picture_bytes:,} are allowed",
            )
        data = path.read_bytes()
        check_picture(data, max_pixels=limits.max_picture_pixels)
    except OSError as error:
        raise FieldFault(f"{path.name} can't be read: {error.strerror}", "repair it") from None
    except InvalidInput as error:
        raise FieldFault(f"{path.name}: {error}", "replace the picture") from None
    return digest_bytes(data)
