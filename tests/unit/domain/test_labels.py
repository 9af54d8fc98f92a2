from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.errors import InvalidInput
from ml.domain.labels import (
    EMPTY_LABEL_SPACE,
    MAX_CATEGORY_LENGTH,
    Label,
    LabelSource,
    LabelSpace,
    checked_category,
    settled_category,
)

START = datetime(2020, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NAMES = st.text(st.sampled_from("abcé10 "), min_size=1, max_size=3)
SPACES = st.builds(
    LabelSpace,
    st.integers(0, 50),
    st.lists(NAMES, unique=True, max_size=8).map(tuple),
)
LABELS = st.builds(
    Label,
    product_id=st.text(max_size=5),
    product_digest=st.text("0123456789abcdef", max_size=4),
    category=NAMES,
    label_space_version=st.integers(1, 9),
    source=st.sampled_from(LabelSource),
    reviewer=st.text(max_size=5),
    labelled_at=st.integers(0, 10**15).map(lambda microseconds: START + microseconds * TICK),
    inclusion_probability=st.floats(0, 1, exclude_min=True),
    prediction_id=st.none() | st.text(max_size=5),
)
LEFT_OUT = {"label_space_version", "inclusion_probability"}


class TestLabelSpace:
    @given(SPACES, st.lists(NAMES))
    def test_a_new_version_keeps_every_index(self, space: LabelSpace, names: list[str]) -> None:
        extended = space.extend(names)
        assert extended.classes[: len(space)] == space.classes
        assert set(extended.classes) == {*space.classes, *names}
        assert len(extended) == len(set(extended.classes))
        for category in space.classes:
            assert extended.index(category) == space.index(category)

    @given(SPACES, st.lists(NAMES))
    def test_the_version_grows_by_one_and_only_for_something_new(
        self, space: LabelSpace, names: list[str]
    ) -> None:
        extended = space.extend(names)
        something_new = any(name not in space for name in names)
        assert extended.version == space.version + something_new
        if not something_new:
            assert extended is space

    @given(SPACES, st.lists(NAMES))
    def test_extending_again_changes_nothing(self, space: LabelSpace, names: list[str]) -> None:
        extended = space.extend(names)
        assert extended.extend(names) is extended

    @given(SPACES, st.lists(NAMES), st.randoms(use_true_random=False))
    def test_the_order_of_the_names_does_not_matter(
        self, space: LabelSpace, names: list[str], random: Random
    ) -> None:
        shuffled = [*names, *names]
        random.shuffle(shuffled)
        assert space.extend(shuffled) == space.extend(names)

    @given(SPACES, SPACES)
    def test_what_is_shared_is_the_same_for_both(self, one: LabelSpace, two: LabelSpace) -> None:
        shared = one.shared(two)
        assert set(shared) == set(two.shared(one)) == set(one.classes) & set(two.classes)
        assert sorted(shared, key=one.index) == list(shared)

    @given(SPACES, st.lists(NAMES))
    def test_an_older_version_is_shared_whole(self, space: LabelSpace, names: list[str]) -> None:
        newer = space.extend(names)
        assert newer.shared(space) == space.shared(newer) == space.classes

    @given(SPACES, NAMES)
    def test_what_it_contains_has_an_index(self, space: LabelSpace, name: str) -> None:
        if name in space:
            assert space.classes[space.index(name)] == name
        else:
            with pytest.raises(InvalidInput, match=f"version {space.version}$"):
                space.index(name)

    @given(st.lists(NAMES, min_size=1, unique=True), st.data())
    def test_no_category_is_named_twice(self, names: list[str], data: st.DataObject) -> None:
        twice = data.draw(st.sampled_from(names))
        with pytest.raises(InvalidInput, match="label space 3 names a category twice"):
            LabelSpace(3, (*names, twice))

    def test_the_first_version_grows_out_of_the_empty_one(self) -> None:
        assert len(EMPTY_LABEL_SPACE) == 0
        assert EMPTY_LABEL_SPACE.extend(["b", "a"]) == LabelSpace(1, ("a", "b"))


class TestCheckedCategory:
    @given(st.text(max_size=2 * MAX_CATEGORY_LENGTH))
    def test_either_a_clean_name_or_a_refusal_in_one_line(self, category: str) -> None:
        name = category.strip()
        if 0 < len(name) <= MAX_CATEGORY_LENGTH and name.isprintable():
            assert checked_category(category) == name == checked_category(name)
            return
        with pytest.raises(InvalidInput) as refusal:
            checked_category(category)
        assert str(refusal.value).isprintable()

    @given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=100))
    def test_every_printable_name_is_kept_and_its_blanks_are_not(self, name: str) -> None:
        assert checked_category(f" \t{name}\n") == name

    @pytest.mark.parametrize("category", ["", "   ", "\n\t", "\u2003"])
    def test_blanks_name_nothing(self, category: str) -> None:
        with pytest.raises(InvalidInput, match="category is empty; name one"):
            checked_category(category)

    @pytest.mark.parametrize("category", ["a\nb", "a\x00b", "a\u200bb", "\ud800", "\ufeffa"])
    def test_what_cannot_be_printed_is_refused(self, category: str) -> None:
        with pytest.raises(InvalidInput, match="must be printable"):
            checked_category(category)

    def test_the_length_counts_without_the_blanks(self) -> None:
        longest = "é" * MAX_CATEGORY_LENGTH
        assert checked_category(f"  {longest}  ") == longest
        with pytest.raises(InvalidInput, match="at most 100 characters") as refusal:
            checked_category(longest + "é")
        assert longest not in str(refusal.value)


class TestLabelId:
    @given(LABELS, st.integers(1, 9), st.floats(0, 1, exclude_min=True))
    def test_the_same_statement_has_the_same_id(
        self, label: Label, version: int, probability: float
    ) -> None:
        copy = replace(label)
        again = replace(label, label_space_version=version, inclusion_probability=probability)
        assert copy.label_id == again.label_id == label.label_id
        assert len(label.label_id) == 32
        assert set(label.label_id) <= set("0123456789abcdef")

    @given(LABELS, LABELS, st.data())
    def test_every_other_field_changes_it(
        self, label: Label, other: Label, data: st.DataObject
    ) -> None:
        differing = [name for name in vars(other) if getattr(label, name) != getattr(other, name)]
        names = [name for name in differing if name not in LEFT_OUT]
        if names:
            name = data.draw(st.sampled_from(names))
            assert replace(label, **{name: getattr(other, name)}).label_id != label.label_id

    @given(LABELS, st.sampled_from(sorted(set(Label.__dataclass_fields__) - LEFT_OUT)))
    def test_a_single_field_changes_it(self, label: Label, name: str) -> None:
        value = getattr(label, name)
        others: dict[str, Any] = {
            "source": next(each for each in LabelSource if each is not value),
            "labelled_at": label.labelled_at + TICK,
            "prediction_id": "" if value is None else None,
        }
        changed = others.get(name, f"{value}x")
        assert replace(label, **{name: changed}).label_id != label.label_id

    @given(LABELS)
    def test_text_may_not_move_from_field_to_field(self, label: Label) -> None:
        moved = replace(
            label,
            product_id=label.product_id + label.product_digest,
            product_digest="",
        )
        assert (moved.label_id == label.label_id) == (label.product_digest == "")

    @given(LABELS, st.integers(-12, 14))
    def test_the_zone_that_a_time_is_told_in_does_not_matter(
        self, label: Label, hours: int
    ) -> None:
        elsewhere = timezone(timedelta(hours=hours))
        told = replace(label, labelled_at=label.labelled_at.astimezone(elsewhere))
        assert told.label_id == label.label_id


VOTES = st.lists(st.tuples(st.sampled_from(["ana", "ben", "eva", "ole"]), st.sampled_from("abc")))


class TestSettledCategory:
    @pytest.mark.parametrize(
        ("votes", "reviews", "expected"),
        [
            ("", 1, None),
            ("ana:a", 1, "a"),
            ("ana:a ana:b", 1, "b"),  # a later vote replaces an earlier one
            ("ana:a ben:b", 1, "a"),  # nobody asked for a second one
            ("", 2, None),
            ("ana:a", 2, None),
            ("ana:a ana:a", 2, None),
            ("ana:a ben:a", 2, "a"),
            ("ana:a ben:b", 2, None),
            ("ana:a ben:b ana:b", 2, "b"),
            ("ana:a ben:b eva:a", 2, "a"),
            ("ana:a ben:b eva:c", 2, "c"),  # of three opinions the adjudicator's
            ("ana:a ben:b eva:c ole:a", 2, "c"),  # a fourth one is not asked
        ],
    )
    def test_what_votes_amount_to(self, votes: str, reviews: int, expected: str | None) -> None:
        pairs = [(vote.split(":")[0], vote.split(":")[1]) for vote in votes.split()]
        assert settled_category(pairs, reviews=reviews) == expected

    @given(VOTES, st.integers(1, 3))
    def test_it_is_settled_once_enough_people_agree_or_three_have_voted(
        self, votes: list[tuple[str, str]], reviews: int
    ) -> None:
        settled = settled_category(votes, reviews=reviews)
        latest = dict(votes)
        if len(latest) < reviews:
            assert settled is None
        elif len(latest) >= 3 or len(set(latest.values())) == 1:
            assert settled in latest.values()

    @given(VOTES, st.integers(1, 3), st.sampled_from("abc"))
    def test_one_more_person_does_not_unsettle_it(
        self, votes: list[tuple[str, str]], reviews: int, category: str
    ) -> None:
        settled = settled_category(votes, reviews=reviews)
        if settled is not None:
            assert settled_category([*votes, ("zoe", category)], reviews=reviews) == settled
