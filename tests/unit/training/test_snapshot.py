from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.digests import digest_of
from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.domain.labels import LabelSpace
from ml.domain.ports import LABEL_SCHEMA
from ml.training.snapshot import SNAPSHOT_SCHEMA, adjudicate, freeze_snapshot, read_snapshot
from tests.fakes import InMemoryDatabase, InMemoryObjectStore, InMemorySnapshotIndex

SPACE = LabelSpace(3, ("books", "games", "garden"))
START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=30)


def label(product="p1", category="books", reviewer="", day=0.0, **columns) -> dict:
    """One label; with a reviewer it is a review, without one an import."""
    source = "review" if reviewer else "import"
    content = {
        "product_id": product,
        "product_digest": f"{product} as first seen",
        "category": category,
        "source": source,
        "reviewer": reviewer or "catalogue",
        "labelled_at": START + timedelta(days=day),
    } | columns
    named = [str(content[name]) for name in sorted(content)]
    return {
        "label_id": digest_of(*named)[:32],
        "label_space_version": 3,
        "prediction_id": None,
        "inclusion_probability": 0.25 if reviewer else 1.0,
        "title": f"title of {product}",
        "description": "",
        "picture": None,
        "listed_at": START,
        **content,
    }


def table(*labels: dict) -> pa.Table:
    return pa.Table.from_pylist(list(labels), schema=LABEL_SCHEMA)


def freeze(*labels, as_of=AS_OF, objects=None, index=None, space=SPACE):
    return freeze_snapshot(
        table(*labels),
        as_of=as_of,
        label_space=space,
        objects=objects or InMemoryObjectStore(),
        index=index or InMemorySnapshotIndex(),
    )


def category_of(*labels: dict) -> str:
    return adjudicate(table(*labels))["category"].to_pylist()[0]


any_label = st.builds(
    label,
    product=st.sampled_from(["p1", "p2", "p3"]),
    category=st.sampled_from(SPACE.classes),
    reviewer=st.sampled_from(["", "ann", "bob", "eve"]),
    day=st.integers(0, 4),
)
some_labels = st.lists(any_label, min_size=1, max_size=12, unique_by=lambda each: each["label_id"])


# Adjudication


def test_a_review_outranks_an_import_however_late():
    assert category_of(label(category="books", day=9), label(category="games", reviewer="ann")) == (
        "games"
    )


def test_the_majority_of_reviewers_wins_over_the_latest():
    assert (
        category_of(
            label(category="games", reviewer="ann", day=1),
            label(category="games", reviewer="bob", day=2),
            label(category="books", reviewer="eve", day=3),
        )
        == "games"
    )


def test_a_reviewer_who_changes_their_mind_counts_once():
    assert (
        category_of(
            label(category="games", reviewer="ann", day=1),
            label(category="games", reviewer="ann", day=2),
            label(category="garden", reviewer="ann", day=3),
            label(category="books", reviewer="bob", day=4),
            label(category="garden", reviewer="eve", day=0),
        )
        == "garden"
    )


def test_a_tie_goes_to_the_latest_label():
    assert (
        category_of(
            label(category="games", reviewer="ann", day=2),
            label(category="books", reviewer="bob", day=1),
        )
        == "games"
    )


def test_a_tie_at_the_same_moment_goes_to_the_smallest_label_id():
    tied = [label(category=c, reviewer=r) for c, r in (("games", "ann"), ("books", "bob"))]
    assert category_of(*tied) == min(tied, key=lambda each: each["label_id"])["category"]


def test_the_latest_import_wins_among_imports():
    assert category_of(label(category="books", day=1), label(category="games", day=2)) == "games"


def test_the_row_is_the_revision_that_the_winning_label_speaks_of():
    rows = adjudicate(
        table(
            label(category="books", product_digest="old", title="old", picture="a"),
            label(category="games", reviewer="ann", product_digest="new", title="new"),
        )
    )
    assert rows.select(["product_digest", "title", "picture", "source"]).to_pylist() == [
        {"product_digest": "new", "title": "new", "picture": None, "source": "review"}
    ]


def test_every_label_of_the_product_is_kept():
    labels = [label(), label(category="games", reviewer="ann"), label(reviewer="bob")]
    rows = adjudicate(table(*labels))
    assert rows["label_ids"].to_pylist() == [sorted(each["label_id"] for each in labels)]


@pytest.mark.parametrize(
    ("labels", "probability"),
    [
        ([label(inclusion_probability=1.0)], 1.0),
        ([label(), label(reviewer="ann", inclusion_probability=0.1)], 1.0),
        (
            [
                label(reviewer="ann", inclusion_probability=0.1),
                label(reviewer="bob", inclusion_probability=0.3),
            ],
            0.3,
        ),
    ],
)
def test_inclusion_is_certain_by_import_else_the_largest_recorded(labels, probability):
    assert adjudicate(table(*labels))["inclusion_probability"].to_pylist() == [probability]


@given(some_labels)
def test_there_is_one_row_a_product_sorted_and_its_category_was_stated(labels):
    rows = adjudicate(table(*labels))
    assert rows.schema == SNAPSHOT_SCHEMA
    assert rows["product_id"].to_pylist() == sorted({each["product_id"] for each in labels})
    by_id = {each["label_id"]: each for each in labels}
    for row in rows.to_pylist():
        winner = by_id[row["label_id"]]
        assert row["category"] == winner["category"]
        assert row["label_id"] in row["label_ids"]


# Freezing


@given(some_labels, st.randoms(use_true_random=False), st.data())
def test_arrival_order_and_double_delivery_change_nothing(labels, random, data):
    again = data.draw(st.lists(st.sampled_from(labels), max_size=5))
    delivered = labels + again
    random.shuffle(delivered)
    assert freeze(*delivered).digest == freeze(*labels).digest


@given(some_labels, st.data())
def test_another_label_gives_another_digest(labels, data):
    changed = data.draw(st.integers(0, len(labels) - 1))
    other = label(product="p1", category="games", reviewer="zoe", day=4.5)
    digest = freeze(*labels).digest
    assert freeze(*labels[:changed], other, *labels[changed + 1 :]).digest != digest
    assert freeze(*labels, other).digest != digest


def test_the_label_space_version_is_part_of_the_name():
    assert freeze(label()).digest != freeze(label(), space=SPACE.extend(["animals"])).digest


@given(some_labels)
def test_what_is_read_is_what_was_frozen(labels):
    objects = InMemoryObjectStore()
    snapshot = freeze(*labels, objects=objects)
    rows = read_snapshot(snapshot, objects)
    assert rows.equals(adjudicate(table(*labels)))
    assert rows.num_rows == snapshot.rows
    assert objects.key(snapshot.uri) == f"snapshots/{snapshot.digest}.parquet"


def test_labels_given_later_are_not_in_it():
    early, late = label(day=1), label(category="games", reviewer="ann", day=2.1)
    as_of = START + timedelta(days=2)
    assert freeze(early, late, as_of=as_of).digest == freeze(early, as_of=as_of).digest
    on_time = START + timedelta(days=2.1)
    assert freeze(early, late, as_of=on_time).digest != freeze(early, as_of=on_time).digest


@pytest.mark.parametrize("labels", [[], [label(day=31)]])
def test_no_labels_is_an_error_with_a_remedy(labels):
    with pytest.raises(InvalidInput, match=r"2024-01-31.*import"):
        freeze(*labels)


def test_a_category_outside_the_label_space_is_named():
    with pytest.raises(InvalidInput, match=r"'p1'.*'animals'"):
        freeze(label(category="animals"))


def test_a_crash_before_the_index_leaves_no_snapshot_and_a_repeat_completes_it():
    database, objects = InMemoryDatabase(down=True), InMemoryObjectStore()
    index = InMemorySnapshotIndex(database)
    with pytest.raises(ServiceUnavailable):
        freeze(label(), objects=objects, index=index)
    assert database.snapshots == {}
    database.down = False
    snapshot = freeze(label(), objects=objects, index=index)
    assert freeze(label(), objects=objects, index=index) == snapshot
    assert database.snapshots == {snapshot.digest: snapshot}
    assert list(objects.list("snapshots/")) == [f"snapshots/{snapshot.digest}.parquet"]


def test_a_file_that_holds_other_rows_is_refused():
    objects = InMemoryObjectStore()
    snapshot, other = freeze(label(), objects=objects), freeze(label("p2"), objects=objects)
    objects.put(objects.key(snapshot.uri), objects.get(objects.key(other.uri)))
    with pytest.raises(InvalidInput, match="changed"):
        read_snapshot(snapshot, objects)


def test_a_damaged_file_is_refused_and_a_lost_one_is_not_found():
    objects = InMemoryObjectStore()
    snapshot = freeze(label(), objects=objects)
    objects.put(objects.key(snapshot.uri), b"PAR1")
    with pytest.raises(InvalidInput, match="damaged"):
        read_snapshot(snapshot, objects)
    with pytest.raises(NotFound):
        read_snapshot(snapshot, InMemoryObjectStore())
