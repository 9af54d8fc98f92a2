import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml.adapters.catalogues import InvalidCatalogue
from ml.domain.digests import digest_bytes
from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.domain.labels import LabelSource
from ml.domain.products import picture_key
from ml.tasks.import_catalogue import import_catalogue
from ml.wiring.config import Settings
from tests.fakes import FakeServices, InMemoryObjectStore
from tests.shared_data import CATALOGUES
from tests.unit.adapters.catalogues.folders import jpeg, product, write

PICTURES = {"a.jpg": jpeg("red"), "b.jpg": jpeg("blue"), "c.jpg": jpeg("red")}
ROWS = [
    product("1", image="a.jpg", category="10", listed_at="2024-01-01"),
    product("2", image="b.jpg", category="40", listed_at="2024-02-01"),
    product("3", image="c.jpg", category="10", listed_at="2024-03-01"),
    product("4", category="60", listed_at="2024-04-01"),
]


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    return FakeServices(Settings(state=tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "spring", ROWS, pictures=PICTURES)


def stored(services: FakeServices) -> tuple[int, int, int, int]:
    """Labels, products, pictures, and the label space's version."""
    return (
        len(services.database.labels),
        len(services.database.products),
        len(list(services.objects.list("pictures/"))),
        services.label_spaces.current().version,
    )


def test_products_pictures_and_labels_arrive(services: FakeServices, folder: Path) -> None:
    report = import_catalogue(services, folder)
    assert (report.products, report.labels_new, report.labels_already_there) == (4, 4, 0)
    assert (report.pictures, report.without_picture) == (2, 1)  # two of the three are equal
    assert (report.categories_new, report.label_space_version) == (("10", "40", "60"), 1)
    assert stored(services) == (4, 4, 2, 1)
    blue = digest_bytes(PICTURES["b.jpg"])
    assert services.objects.get(picture_key(blue)) == PICTURES["b.jpg"]
    (label,) = (label for label in services.database.labels.values() if label.product_id == "2")
    assert (label.category, label.source, label.reviewer) == ("40", LabelSource.IMPORT, "catalogue")
    assert label.labelled_at == datetime(2024, 2, 1, tzinfo=UTC)
    assert label.inclusion_probability == 1.0
    revision = services.database.products[label.product_id, label.product_digest]
    assert (revision.title, revision.picture) == ("Lampe 2", blue)


def test_importing_again_changes_nothing(services: FakeServices, folder: Path) -> None:
    import_catalogue(services, folder)
    before = stored(services)
    report = import_catalogue(services, folder)
    assert (report.labels_new, report.labels_already_there, report.pictures) == (0, 4, 0)
    assert (report.categories_new, report.label_space_version) == ((), 1)
    assert stored(services) == before


def test_a_span_is_imported_and_the_rest_later(services: FakeServices, folder: Path) -> None:
    cut = datetime(2024, 3, 1, tzinfo=UTC)
    first = import_catalogue(services, folder, listed_before=cut)
    assert (first.products, first.outside, first.label_space_version) == (2, 2, 1)
    assert (first.oldest.month, first.newest.month) == (1, 2)
    rest = import_catalogue(services, folder, listed_from=cut)
    assert (rest.labels_new, rest.categories_new, rest.label_space_version) == (2, ("60",), 2)
    assert services.labels.read(cut).num_rows == 3


def test_an_empty_span_is_refused(services: FakeServices, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="4 rows outside"):
        import_catalogue(services, folder, listed_from=datetime(2030, 1, 1, tzinfo=UTC))
    assert stored(services) == (0, 0, 0, 0)


def test_one_fault_and_nothing_changes(services: FakeServices, tmp_path: Path) -> None:
    rows = [*ROWS, product("5", title=""), product("1")]
    folder = write(tmp_path / "spring", rows, pictures=PICTURES)
    with pytest.raises(InvalidCatalogue, match=r"2 faults, nothing was imported.*spring\.csv") as e:
        import_catalogue(services, folder)
    assert [fault.row for fault in e.value.faults] == [6, 7]
    assert stored(services) == (0, 0, 0, 0)
    with (services.settings.state / "rejects" / "spring.csv").open(newline="") as file:
        assert [(line["row"], line["product_id"]) for line in csv.DictReader(file)] == [
            ("6", "5"),
            ("7", "1"),
        ]


def test_faulty_rows_can_be_left_out(services: FakeServices, tmp_path: Path) -> None:
    rows = [*ROWS, product("5", title="", image="gone.jpg")]
    folder = write(tmp_path / "spring", rows, pictures=PICTURES)
    with (folder / "products.csv").open("ab") as file:
        file.write(b"6,caf\xe9,,10,2024-01-01,\n")
    report = import_catalogue(services, folder, skip_invalid=True)
    assert (report.products, report.rejected) == (4, 2)
    assert stored(services)[:2] == (4, 4)
    assert report.rejects == services.settings.state / "rejects" / "spring.csv"
    with report.rejects.open(encoding="utf-8", newline="") as file:
        lines = [(line["row"], line["field"]) for line in csv.DictReader(file)]
    assert lines == [("6", "title"), ("6", "image"), ("7", "title")]


def test_a_catalogue_of_faults_only_is_refused_even_then(
    services: FakeServices, tmp_path: Path
) -> None:
    folder = write(tmp_path / "spring", ROWS, columns=("product_id", "title"))
    with pytest.raises(InvalidCatalogue, match="nothing to import"):
        import_catalogue(services, folder, skip_invalid=True)
    assert stored(services) == (0, 0, 0, 0)


class FailingObjectStore(InMemoryObjectStore):
    """Goes away after so many pictures."""

    def __init__(self, survives: int) -> None:
        super().__init__()
        self.survives = survives

    def put(self, key: str, data: bytes) -> str:
        if self.survives == 0:
            raise ServiceUnavailable("the object store is away")
        self.survives -= 1
        return super().put(key, data)


def test_an_import_that_died_among_the_pictures_is_finished_by_the_next(
    services: FakeServices, folder: Path
) -> None:
    failing = services.objects = FailingObjectStore(survives=1)
    with pytest.raises(ServiceUnavailable):
        import_catalogue(services, folder)
    assert stored(services) == (0, 0, 1, 0)
    failing.survives = 10
    report = import_catalogue(services, folder)
    assert (report.labels_new, report.pictures) == (4, 1)
    assert stored(services) == (4, 4, 2, 1)


def test_an_import_that_died_before_its_labels_is_finished_by_the_next(
    services: FakeServices, folder: Path
) -> None:
    def lose_the_database(stage: str, done: int, total: int | None) -> None:
        services.database.down = stage == "writing labels"

    with pytest.raises(ServiceUnavailable):
        import_catalogue(services, folder, progress=lose_the_database)
    services.database.down = False
    assert stored(services) == (0, 0, 2, 1)
    assert import_catalogue(services, folder).labels_new == 4
    assert stored(services) == (4, 4, 2, 1)


def test_with_the_database_away_nothing_is_written(services: FakeServices, folder: Path) -> None:
    services.database.down = True
    with pytest.raises(ServiceUnavailable):
        import_catalogue(services, folder)
    assert list(services.objects.list("")) == []


def test_a_picture_that_changes_meanwhile_stops_the_import(
    services: FakeServices, folder: Path
) -> None:
    def swap(stage: str, done: int, total: int | None) -> None:
        (folder / "images" / "b.jpg").write_bytes(jpeg("green"))

    with pytest.raises(InvalidInput, match=r"b\.jpg changed during the import"):
        import_catalogue(services, folder, progress=swap)
    assert len(services.database.labels) == 0


def test_progress_tells_every_stage_to_its_end(services: FakeServices, folder: Path) -> None:
    heard: dict[str, tuple[int, int | None]] = {}

    def hear(stage: str, done: int, total: int | None) -> None:
        heard[stage] = (done, total)

    import_catalogue(services, folder, progress=hear)
    assert heard == {
        "checking rows": (4, None),
        "storing pictures": (2, 2),
        "writing labels": (4, 4),
    }


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "rows", "without_picture", "categories"),
    [("flipkart", 787, 3, 7), ("myntra", 16_004, 0, 27)],
)
def test_real_catalogues_are_imported_whole(
    services: FakeServices, name: str, rows: int, without_picture: int, categories: int
) -> None:
    report = import_catalogue(services, CATALOGUES / name)
    assert (report.products, report.labels_new) == (rows, rows)
    assert report.without_picture == without_picture
    assert len(report.categories_new) == categories
    again = import_catalogue(services, CATALOGUES / name)
    assert (again.labels_new, again.labels_already_there, again.pictures) == (0, rows, 0)
