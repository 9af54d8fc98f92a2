"""A catalogue on disk becomes products, pictures and first labels, or nothing does.

The order makes a crash harmless at any point: pictures first (named by their content, put again
without effect), then the label space, then products and labels in one transaction. The same
catalogue imported again adds nothing, because label ids are derived from content.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ml.adapters.catalogues import (
    CatalogueRow,
    CheckedRows,
    Fault,
    InvalidCatalogue,
    Limits,
    Span,
    open_catalogue,
    write_faults,
)
from ml.domain.digests import digest_bytes
from ml.domain.errors import InvalidInput
from ml.domain.labels import Label, LabelSource, LabelSpace
from ml.domain.ports import ObjectStore
from ml.domain.products import Product, picture_key
from ml.wiring.build import Services
from ml.wiring.config import Settings

REVIEWER = "catalogue"
_THREADS = 4

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, how much of it is done, and of how much (None: not known)."""


def ignore_progress(stage: str, done: int, total: int | None) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True)
class ImportReport:
    """What an import did. `labels_new` counts labels that were not there yet, `pictures` files put.

    `rejected` rows (with `skip_invalid`) are listed in the file `rejects`; `outside` rows were
    left out by their time. `oldest` and `newest` are times of listing.
    """

    products: int
    labels_new: int
    pictures: int
    without_picture: int
    rejected: int
    rejects: Path | None
    outside: int
    categories_new: tuple[str, ...]
    label_space_version: int
    oldest: datetime
    newest: datetime

    @property
    def labels_already_there(self) -> int:
        return self.products - self.labels_new


def import_catalogue(
    services: Services,
    source: Path,
    *,
    listed_from: datetime | None = None,
    listed_before: datetime | None = None,
    listed_at: datetime | None = None,
    skip_invalid: bool = False,
    progress: Progress = ignore_progress,
) -> ImportReport:
    """Import the rows with `listed_from` <= listed_at < `listed_before`.

    A label counts as given when its product was listed, and a new label-space version as of the
    newest of them: so months can be replayed, each snapshot holding what was known by its day.
    `listed_at` stands in for the time that Rakuten's layout lacks. Raises InvalidCatalogue, and
    changes nothing, when a row has a fault (unless `skip_invalid`) or no row is left; all faults
    are then in `<state>/rejects/`.
    """
    catalogue = open_catalogue(source, listed_at=listed_at).check(
        _limits(services.settings),
        span=Span(listed_from=listed_from, listed_before=listed_before),
        workers=_THREADS,
        on_progress=lambda rows: progress("checking rows", rows, None),
    )
    rows = catalogue.rows
    rejects = _write_rejects(services.settings.state, source, catalogue.faults)
    _refuse(source, catalogue, rejects, skip_invalid=skip_invalid)
    known = services.label_spaces.current()  # first, so a database away is noticed at once
    pictures = _store_pictures(services.objects, rows, progress)
    space = _extend(services, rows, cause=f"import {source.resolve().name}")
    progress("writing labels", 0, len(rows))
    labels_new = _append(services, rows, space)
    progress("writing labels", len(rows), len(rows))
    return ImportReport(
        products=len(rows),
        labels_new=labels_new,
        pictures=pictures,
        without_picture=sum(row.picture is None for row in rows),
        rejected=len({fault.row for fault in catalogue.faults}),
        rejects=rejects,
        outside=catalogue.outside,
        categories_new=tuple(sorted({row.category for row in rows} - set(known.classes))),
        label_space_version=space.version,
        oldest=min(row.listed_at for row in rows),
        newest=max(row.listed_at for row in rows),
    )


def _limits(settings: Settings) -> Limits:
    """The limits of a product that serving has, too."""
    return Limits(
        max_title_length=settings.max_title_length,
        max_description_length=settings.max_description_length,
        max_picture_bytes=settings.max_picture_bytes,
        max_picture_pixels=settings.max_picture_pixels,
    )


def _write_rejects(state: Path, source: Path, faults: Sequence[Fault]) -> Path | None:
    """Write the faults to a file named after the catalogue; None when there are none."""
    if not faults:
        return None
    path = state / "rejects" / f"{source.resolve().name or 'catalogue'}.csv"
    write_faults(path, faults)
    return path


def _refuse(
    source: Path, catalogue: CheckedRows, rejects: Path | None, *, skip_invalid: bool
) -> None:
    """Raise when the catalogue may not be imported."""
    faults, count = catalogue.faults, len(catalogue.faults)
    if faults and not skip_invalid:
        raise InvalidCatalogue(
            f"{source} has {count:,} fault{'s' * (count > 1)}, nothing was imported; all are in "
            f"{rejects}; repair them, or leave those rows out with --skip-invalid",
            faults,
        )
    if not catalogue.rows:
        where = f"; all faults are in {rejects}" if faults else ""
        raise InvalidCatalogue(
            f"{source} has nothing to import: {catalogue.outside:,} rows outside of the span, "
            f"{count:,} faults{where}",
            faults,
        )


def _store_pictures(objects: ObjectStore, rows: Sequence[CatalogueRow], progress: Progress) -> int:
    """Put the pictures that are not there yet, several at once; returns how many were put."""
    files = {row.picture_digest: row.picture for row in rows if row.picture_digest and row.picture}

    def put(item: tuple[str, Path]) -> bool:
        digest, path = item
        if objects.exists(picture_key(digest)):
            return False
        data = path.read_bytes()
        if digest_bytes(data) != digest:
            raise InvalidInput(f"{path} changed during the import; import again")
        objects.put(picture_key(digest), data)
        return True

    new = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, was_new in enumerate(pool.map(put, files.items()), start=1):
            new += was_new
            progress("storing pictures", done, len(files))
    return new


def _extend(services: Services, rows: Sequence[CatalogueRow], *, cause: str) -> LabelSpace:
    """The label space with every category of the rows, a new version as of the newest of them."""
    return services.label_spaces.extend(
        {row.category for row in rows}, cause=cause, at=max(row.listed_at for row in rows)
    )


def _append(services: Services, rows: Sequence[CatalogueRow], space: LabelSpace) -> int:
    """Append products and labels in one transaction; returns how many labels were new."""
    products = [
        Product(row.product_id, row.title, row.description, row.picture_digest, row.listed_at)
        for row in rows
    ]
    labels = [
        Label(
            product_id=row.product_id,
            product_digest=product.digest,
            category=row.category,
            label_space_version=space.version,
            source=LabelSource.IMPORT,
            reviewer=REVIEWER,
            labelled_at=row.listed_at,
            inclusion_probability=1.0,
        )
        for row, product in zip(rows, products, strict=True)
    ]
    return services.labels.append(labels, products)
