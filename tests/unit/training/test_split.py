import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.domain.errors import ServiceUnavailable
from ml.domain.labels import Part
from ml.training.split import assign_parts, group_keys
from tests.fakes import InMemoryDatabase, InMemorySplitLedger
from tests.unit.training.catalogue import row, table

KEPT = {Part.TRAIN, Part.VALIDATION, Part.TEST}


def assign(rows, ledger, *, seed=42, min_class_rows=1, validation=0.3, test=0.3):
    return assign_parts(
        table(rows),
        ledger=ledger,
        seed=seed,
        validation_share=validation,
        test_share=test,
        min_class_rows=min_class_rows,
    )


def title_in(part: Part, *, avoid: str = "") -> str:
    """A title whose group falls to this part at first sight."""
    for i in range(1000):
        title = f"title {i}"
        parts = assign([row("x", "books", title=title)], InMemorySplitLedger())
        if title != avoid and parts["x"] is part:
            return title
    raise AssertionError(f"no title falls to {part}")


products = st.builds(
    lambda number, category, title, picture: row(
        f"p{number}", category, title=title, picture=picture
    ),
    number=st.integers(0, 15),
    category=st.sampled_from(["books", "games", "rare"]),
    title=st.sampled_from(["", "a", "A ", "<b>a</b>", "b", "c", "d", "e", "f", "g"]),
    picture=st.sampled_from([None, "1", "2", "3", "4", "5", "6", "7", "8"]),
)
# One revision of each product a month; revisions may differ from month to month.
months = st.lists(
    st.lists(products, max_size=16, unique_by=lambda each: each["product_id"]),
    min_size=1,
    max_size=5,
)


def check_no_shared_key(rows, parts):
    owners: dict[str, set[Part]] = {}
    for each in rows:
        for key in group_keys(each["title"], each["picture"]):
            if parts[each["product_id"]] in KEPT:
                owners.setdefault(key, set()).add(parts[each["product_id"]])
    assert all(len(parts) == 1 for parts in owners.values())


@settings(max_examples=300)
@given(months, st.integers(1, 4))
def test_growing_snapshots_never_move_a_product_or_share_a_group(months, min_class_rows):
    """Products come, and keep title and picture: the part of each is the same in every month."""
    ledger, seen, first = InMemorySplitLedger(), {}, {}
    for month in months:
        seen = {each["product_id"]: each for each in month} | seen
        parts = assign(list(seen.values()), ledger, min_class_rows=min_class_rows)
        assert parts.keys() == seen.keys()
        check_no_shared_key(seen.values(), parts)
        assert parts == parts | first
        first = parts


@settings(max_examples=300)
@given(months)
def test_edited_products_are_left_out_rather_than_moved(months):
    """Sellers edit titles and pictures: a product has one part for ever, or sits a month out."""
    ledger, seen, kept = InMemorySplitLedger(), {}, {}
    for month in months:
        seen |= {each["product_id"]: each for each in month}
        parts = assign(list(seen.values()), ledger)
        check_no_shared_key(seen.values(), parts)
        for product_id, part in parts.items():
            assert part is Part.EXCLUDED or kept.setdefault(product_id, part) is part


@settings(max_examples=200)
@given(months)
def test_groups_stay_apart_over_all_months_together(months):
    """What one month trains on is never what another month judges on."""
    ledger, owners = InMemorySplitLedger(), {}
    for month in months:
        parts = assign(month, ledger)
        for each in month:
            for key in group_keys(each["title"], each["picture"]):
                if parts[each["product_id"]] in KEPT:
                    owners.setdefault(key, set()).add(parts[each["product_id"]])
    assert all(len(parts) == 1 for parts in owners.values())


@given(st.lists(products, max_size=16, unique_by=lambda each: each["product_id"]))
def test_the_order_of_the_rows_does_not_matter(rows):
    assert assign(rows, InMemorySplitLedger()) == assign(rows[::-1], InMemorySplitLedger())


def test_a_product_between_two_parts_is_excluded_for_ever_and_takes_nobody_with_it():
    train, judged = title_in(Part.TRAIN), title_in(Part.TEST)
    rows = [
        row("a", "books", title=train, picture="1"),
        row("b", "books", title=judged, picture="2"),
        row("c", "books", title=train, picture="2"),
        row("d", "books", title=train, picture="3"),
        row("e", "books", title="anything", picture="3"),
    ]
    ledger = InMemorySplitLedger()
    expected = {
        "a": Part.TRAIN,
        "b": Part.TEST,
        "c": Part.EXCLUDED,
        "d": Part.TRAIN,
        "e": Part.TRAIN,
    }
    assert assign(rows, ledger) == expected
    edited = row("c", "books", title="all new", picture="9")
    assert assign([edited], ledger) == {"c": Part.EXCLUDED}
    # It left no mark on its new title, which is free for others.
    assert ledger.parts_of_keys(group_keys("all new", "9")) == {}


def test_a_recorded_product_that_takes_a_title_of_another_part_sits_out_until_it_drops_it():
    train, judged = title_in(Part.TRAIN), title_in(Part.TEST)
    ledger = InMemorySplitLedger()
    assign([row("a", "books", title=train), row("b", "books", title=judged)], ledger)
    assert assign([row("a", "books", title=judged)], ledger) == {"a": Part.EXCLUDED}
    assert assign([row("a", "books", title=train)], ledger) == {"a": Part.TRAIN}


def test_a_new_title_of_a_recorded_product_draws_newcomers_to_its_part():
    judged = title_in(Part.TEST)
    other = title_in(Part.TRAIN)
    ledger = InMemorySplitLedger()
    assign([row("z", "books", title=judged)], ledger)
    rows = [row("z", "books", title=other), row("a", "books", title=other)]
    assert assign(rows, ledger) == {"z": Part.TEST, "a": Part.TEST}


def test_rare_classes_are_for_training_and_stay_there_when_they_grow():
    ledger = InMemorySplitLedger()
    few = [row(f"r{i}", "rare", title=f"rare {i}") for i in range(4)]
    many = [row(f"b{i:03}", "books", title=f"book {i}") for i in range(100)]
    parts = assign(few + many, ledger, min_class_rows=5)
    assert {parts[each["product_id"]] for each in few} == {Part.TRAIN}
    assert {parts[each["product_id"]] for each in many} == KEPT
    grown = [row(f"s{i:03}", "rare", title=f"also rare {i}") for i in range(100)]
    parts = assign(few + many + grown, ledger, min_class_rows=5)
    assert {parts[each["product_id"]] for each in few} == {Part.TRAIN}
    assert {parts[each["product_id"]] for each in grown} == KEPT


def test_without_title_or_picture_the_product_itself_is_hashed():
    rows = [row(f"p{i:03}", "books", title="<br>") for i in range(100)]
    assert set(assign(rows, InMemorySplitLedger()).values()) == KEPT


def test_another_seed_is_another_split():
    rows = [row(f"p{i:03}", "books", title=f"book {i}") for i in range(50)]
    first, again = (assign(rows, InMemorySplitLedger(), seed=7) for _ in range(2))
    assert first == again != assign(rows, InMemorySplitLedger(), seed=8)


def test_a_write_that_fails_records_nothing_and_a_repeat_decides_the_same():
    class Failing(InMemorySplitLedger):
        def record(self, records, keys):
            raise ServiceUnavailable("PostgreSQL went away")

    rows = [row(f"p{i}", "books", title=f"book {i}") for i in range(9)]
    database = InMemoryDatabase()
    with pytest.raises(ServiceUnavailable):
        assign(rows, Failing(database))
    assert database.split_products == {}
    assert assign(rows, InMemorySplitLedger(database)) == assign(rows, InMemorySplitLedger())


def test_a_run_that_was_overtaken_answers_what_the_other_recorded():
    judged = title_in(Part.TEST)
    rows = [row("a", "books", title=judged), row("b", "books", title=judged, picture="1")]

    class Overtaken(InMemorySplitLedger):
        """Another run, for which the class was still rare, writes product a just before."""

        def record(self, records, keys):
            others = InMemorySplitLedger(self._database)
            assign(rows[:1], others, min_class_rows=2)
            super().record(records, keys)

    database = InMemoryDatabase()
    parts = assign(rows, Overtaken(database))
    assert parts["a"] is Part.TRAIN
    # b was recorded as test beside a title that is train by now: it serves neither.
    assert parts["b"] is Part.EXCLUDED
    assert assign(rows, InMemorySplitLedger(database)) == parts


def test_a_large_catalogue_takes_seconds_and_keeps_the_shares():
    rows = [
        row(f"p{i:05}", "books", title=f"title {i // 2} of many", picture=f"{i % 50_000}")
        for i in range(85_000)
    ]
    snapshot, ledger = table(rows), InMemorySplitLedger()
    start = time.process_time()
    parts = assign_parts(
        snapshot,
        ledger=ledger,
        seed=42,
        validation_share=0.15,
        test_share=0.2,
        min_class_rows=10,
    )
    assert time.process_time() - start < 20
    counts = Counter(parts.values())
    kept = sum(counts[part] for part in KEPT)
    assert counts[Part.TEST] / kept == pytest.approx(0.2, abs=0.03)
    assert counts[Part.VALIDATION] / kept == pytest.approx(0.15, abs=0.03)


def test_shares_are_near_those_asked_for():
    rows = [row(f"p{i:05}", "books", title=f"book {i}") for i in range(4_000)]
    counts = Counter(assign(rows, InMemorySplitLedger(), validation=0.15, test=0.2).values())
    assert counts[Part.TEST] / 4_000 == pytest.approx(0.2, abs=0.02)
    assert counts[Part.VALIDATION] / 4_000 == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize("same", ["ete bleu", " ÉTÉ  Bleu", "<p>&Eacute;t&eacute; bleu</p>"])
def test_titles_are_equal_up_to_case_accents_white_space_and_html(same):
    assert group_keys(same, None) == group_keys("Été bleu", None)


def test_a_title_and_a_picture_of_the_same_name_are_different_keys():
    assert len(set(group_keys("x", "x"))) == 2
