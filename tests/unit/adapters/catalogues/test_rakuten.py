from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml.adapters.catalogues import open_catalogue
from tests.unit.adapters.catalogues.folders import LIMITS, jpeg

PRODUCTS = """,designation,description,productid,imageid
0,Carnet ligné A5,,77000123,88000456
1,"Gazette, no 7","<p>un\npeu</p>",77000124,88000457
2,Stylet tactile,ACME,77000125,88000458
"""
LABELS = ",prdtypecode\n2,50\n0,10\n1,2280\n"


PICTURES = (
    "image_88000456_product_77000123.jpg",
    "image_train/image_88000457_product_77000124.jpg",
    "image_88000458_product_77000125.jpg",
)


def rakuten(folder: Path, products: str = PRODUCTS, labels: str = LABELS) -> Path:
    (folder / "images" / "image_train").mkdir(parents=True)
    for name in PICTURES:
        (folder / "images" / name).write_bytes(jpeg())
    (folder / "X_train_update.csv").write_text(products, "utf-8")
    (folder / "Y_train_CVw08PX.csv").write_text(labels, "utf-8")
    return folder


def test_products_and_labels_are_joined_by_their_index(tmp_path: Path) -> None:
    folder = rakuten(tmp_path)
    checked = open_catalogue(folder).check(LIMITS)
    assert checked.faults == ()
    assert [(row.product_id, row.category) for row in checked.rows] == [
        ("77000123", "10"),
        ("77000124", "2280"),
        ("77000125", "50"),
    ]
    assert [row.picture for row in checked.rows] == [folder / "images" / name for name in PICTURES]
    assert checked.rows[1].description == "<p>un\npeu</p>"


def test_without_times_all_count_as_listed_at_one_stated_moment(tmp_path: Path) -> None:
    folder = rakuten(tmp_path)
    usual = open_catalogue(folder).listings()
    assert {row.listed_at for row in usual} == {datetime(2020, 1, 1, tzinfo=UTC)}
    moment = datetime(2024, 2, 3, 4, tzinfo=UTC)
    given = open_catalogue(folder, listed_at=moment).listings()
    assert {row.listed_at for row in given} == {moment}


@pytest.mark.parametrize(
    ("products", "labels", "row", "said"),
    [
        (PRODUCTS, ",prdtypecode\n0,10\n1,2280\n", 4, "no label of index '2'"),
        (PRODUCTS, LABELS + "9,10\n", 0, "index '9' names no product"),
        (PRODUCTS, LABELS + "1,10\n", 5, "index '1' comes twice"),
        (PRODUCTS, ",code\n0,10\n", 1, "lacks columns; found: , code"),
        (PRODUCTS, LABELS.replace("50", ""), 4, "category is empty"),
        (PRODUCTS.replace("88000458", "../../x"), LABELS, 4, "not both numbers"),
        (PRODUCTS.replace("Stylet tactile", ""), LABELS, 4, "is empty"),
        (PRODUCTS.replace("77000125", "77000123"), LABELS, 4, "row 2"),
    ],
    ids=["label", "orphan", "twice", "column", "category", "path", "title", "duplicate"],
)
def test_faults_are_told_in_rakutens_words(
    tmp_path: Path, products: str, labels: str, row: int, said: str
) -> None:
    checked = open_catalogue(rakuten(tmp_path, products, labels)).check(LIMITS)
    told = {(fault.row, said in fault.reason) for fault in checked.faults}
    assert (row, True) in told
    assert not {"title", "product_id", "category"} & {fault.field for fault in checked.faults}


def test_a_missing_picture_is_a_fault_of_its_row(tmp_path: Path) -> None:
    folder = rakuten(tmp_path)
    (folder / "images" / PICTURES[1]).unlink()
    checked = open_catalogue(folder).check(LIMITS)
    (fault,) = checked.faults
    assert (fault.row, fault.field, fault.product_id) == (3, "imageid", "77000124")
    assert "image_88000457_product_77000124.jpg' is not in images/" in fault.reason
    assert "--skip-invalid" in fault.remedy
    assert [row.product_id for row in checked.rows] == ["77000123", "77000125"]
