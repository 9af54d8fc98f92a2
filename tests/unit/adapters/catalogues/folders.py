"""Small catalogues on disk for the tests."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from ml.adapters.catalogues import CheckedRows, Fault, Limits, Span, open_catalogue
from ml.domain.catalogues import CATALOGUE_COLUMNS

LIMITS = Limits(
    max_title_length=2_000,
    max_description_length=5_000,
    max_picture_bytes=100_000,
    max_picture_pixels=250_000,
)


def jpeg(colour: str = "red", size: tuple[int, int] = (20, 20), kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def product(product_id: str, /, **fields: str) -> dict[str, str]:
    """A row without fault or picture."""
    usual = {
        "product_id": product_id,
        "title": f"Lampe {product_id}",
        "description": "",
        "category": "2060",
        "listed_at": "2024-05-01T10:00:00+00:00",
        "image": "",
    }
    return usual | fields


def write(
    folder: Path,
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Iterable[str] = CATALOGUE_COLUMNS,
    pictures: Mapping[str, bytes] | None = None,
) -> Path:
    """A folder in regain's layout."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for name, data in (pictures or {}).items():
        (folder / "images" / name).write_bytes(data)
    return folder


def check(folder: Path, limits: Limits = LIMITS, **span: object) -> CheckedRows:
    return open_catalogue(folder).check(limits, span=Span(**span), workers=2)  # type: ignore[arg-type]  # the tests name its fields


def only_fault(folder: Path) -> Fault:
    """The one fault of a catalogue."""
    (fault,) = check(folder).faults
    return fault
