"""The contract of LabelStore."""

import pyarrow as pa
import pytest

from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import LabelSource
from ml.domain.ports import LABEL_SCHEMA
from tests.examples import a_label, a_product, day


def rows(stores, as_of=None):
    return stores.labels.read(as_of or day(1000)).sort_by("label_id").to_pylist()


def test_a_label_comes_back_with_its_product(labelled):
    product = a_product(1, picture="ab" * 32, listed_at=day(-3))
    label = a_label(product, prediction_id="q", source=LabelSource.REVIEW, reviewer="Zoé")
    assert labelled.labels.append([label], [product]) == 1

    table = labelled.labels.read(day(0))
    assert table.schema == LABEL_SCHEMA
    assert table.to_pylist() == [
        {
            "label_id": label.label_id,
            "product_id": "p1",
            "product_digest": product.digest,
            "category": "books",
            "label_space_version": 1,
            "source": "review",
            "reviewer": "Zoé",
            "labelled_at": day(0),
            "prediction_id": "q",
            "inclusion_probability": 1.0,
            "title": "title 1",
            "description": "<p>chaise d'été</p>",
            "picture": "ab" * 32,
            "listed_at": day(-3),
        }
    ]


def test_no_labels_are_an_empty_table(labelled):
    assert labelled.labels.append([]) == 0
    assert labelled.labels.read(day(0)).equals(LABEL_SCHEMA.empty_table())


def test_a_repeated_label_is_stored_once(labelled):
    product = a_product()
    label = a_label(product)
    assert labelled.labels.append([label, label], [product, product]) == 1
    assert labelled.labels.append([label], [product]) == 0
    assert labelled.labels.append([label, a_label(product, category="games")]) == 1
    assert len(rows(labelled)) == 2


def test_the_same_statement_under_a_newer_label_space_is_the_same_label(labelled):
    product = a_product()
    labelled.labels.append([a_label(product)], [product])
    labelled.label_spaces.extend(["new"], cause="review", at=day(1))
    assert labelled.labels.append([a_label(product, label_space_version=2)]) == 0
    assert rows(labelled)[0]["label_space_version"] == 1


def test_labels_are_read_as_of_a_time_inclusive(labelled):
    product = a_product()
    given = [a_label(product, labelled_at=day(number)) for number in (1, 2, 3)]
    labelled.labels.append(given, [product])
    assert [row["labelled_at"] for row in rows(labelled, day(2))] == [
        label.labelled_at for label in sorted(given[:2], key=lambda label: label.label_id)
    ]


def test_a_label_keeps_the_revision_it_speaks_of(labelled):
    old, new = a_product(1, title="old"), a_product(1, title="new")
    labelled.labels.append([a_label(old)], [old])
    labelled.labels.append([a_label(new)], [new])
    assert {row["title"] for row in rows(labelled)} == {"old", "new"}


def test_a_revision_keeps_its_first_listing(labelled):
    labelled.labels.append([a_label(a_product())], [a_product()])
    labelled.labels.append([], [a_product(listed_at=day(9))])
    assert rows(labelled)[0]["listed_at"] == day(0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"product_digest": "unknown"}, NotFound, "unknown"),
        ({"label_space_version": 2}, NotFound, "label space version 2"),
        ({"category": "cars"}, InvalidInput, "cars"),
        ({"inclusion_probability": 0.0}, InvalidInput, "inclusion_probability"),
        ({"inclusion_probability": 1.5}, InvalidInput, "inclusion_probability"),
        ({"inclusion_probability": float("nan")}, InvalidInput, "inclusion_probability"),
        ({"reviewer": "a\0b"}, InvalidInput, "reviewer contains a NUL"),
        ({"reviewer": "\ud800"}, InvalidInput, "reviewer contains a lone surrogate"),
        ({"labelled_at": day(0).replace(tzinfo=None)}, InvalidInput, "labelled_at"),
    ],
)
def test_one_bad_label_stores_none(labelled, changes, error, message):
    product = a_product()
    with pytest.raises(error, match=message) as caught:
        labelled.labels.append([a_label(product), a_label(product, **changes)], [product])
    assert "\n" not in str(caught.value)
    assert rows(labelled) == []


@pytest.mark.parametrize("field", ["product_id", "title", "description", "picture"])
def test_a_nul_byte_in_a_product_names_its_field(labelled, field):
    bad = a_product(**{field: "x\0y"})
    with pytest.raises(InvalidInput, match=f"{field} contains a NUL"):
        labelled.labels.append([a_label(bad)], [bad])
    assert rows(labelled) == []


def test_long_and_odd_texts_come_back_as_they_were(labelled):
    odd = "\t\r\n\\N \\. 'quoted' \"twice\" {} %s :x é 漢 👍 \u200b"
    product = a_product(title="é" * 100_000, description=odd)
    labelled.labels.append([a_label(product)], [product])
    (row,) = rows(labelled)
    assert row["title"] == "é" * 100_000
    assert row["description"] == odd


def test_many_labels_are_read_in_full(labelled):
    products = [a_product(number) for number in range(12_000)]
    assert labelled.labels.append([a_label(each) for each in products], products) == 12_000
    read = labelled.labels.read(day(0))
    assert pa.compute.count_distinct(read["label_id"]).as_py() == read.num_rows == 12_000
