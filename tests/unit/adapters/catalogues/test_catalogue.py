from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml.adapters.catalogues import InvalidCatalogue, open_catalogue
from tests.unit.adapters.catalogues.folders import LIMITS, check, jpeg, product, write


def test_only_the_span_is_read_but_ids_are_checked_over_all(tmp_path: Path) -> None:
    rows = [
        product("1", listed_at="2012-01-01", image="gone.jpg"),
        product("2", listed_at="2012-02-01"),
        product("3", listed_at="2012-03-01", title=""),
        product("1", listed_at="2012-04-01"),
        product("5", listed_at="some day"),
    ]
    checked = check(
        write(tmp_path, rows),
        listed_from=datetime(2012, 2, 1, tzinfo=UTC),
        listed_before=datetime(2012, 3, 1, tzinfo=UTC),
    )
    assert [row.product_id for row in checked.rows] == ["2"]
    assert checked.outside == 2
    assert [(fault.row, fault.field) for fault in checked.faults] == [
        (5, "product_id"),
        (6, "listed_at"),
    ]


def test_faults_come_in_the_order_of_rows_over_many_batches(tmp_path: Path) -> None:
    rows = [product(str(i), title="" if i % 2 else "x", image="a" * (i % 3)) for i in range(600)]
    checked = check(write(tmp_path, rows, pictures={"a": jpeg(), "aa": b"damaged"}))
    numbers = [fault.row for fault in checked.faults]
    assert numbers == sorted(numbers)
    assert set(numbers) == {i + 2 for i in range(600) if i % 2 or i % 3 == 2}
    assert len(checked.rows) == 200
    assert [row.row for row in checked.rows] == sorted(row.row for row in checked.rows)


def test_progress_grows_to_the_number_of_rows(tmp_path: Path) -> None:
    heard: list[int] = []
    catalogue = open_catalogue(write(tmp_path, [product(str(i)) for i in range(300)]))
    catalogue.check(LIMITS, on_progress=heard.append)
    assert heard == [256, 300]


def test_listings_leave_the_pictures_closed(tmp_path: Path) -> None:
    write(tmp_path, [product("1", image="a.jpg")], pictures={"a.jpg": b"damaged"})
    (row,) = open_catalogue(tmp_path).listings()
    assert (row.product_id, row.picture) == ("1", tmp_path / "images" / "a.jpg")


def test_listings_of_a_faulty_catalogue_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [product("1"), product("2", title="")])
    with pytest.raises(InvalidCatalogue, match="row 3, title: is empty"):
        open_catalogue(tmp_path).listings()
