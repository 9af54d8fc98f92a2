import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from ml.domain.digests import digest_bytes, digest_files, digest_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=4)
)
VALUES = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=6,
)
FILES = st.dictionaries(st.text(min_size=1, max_size=4), st.binary(max_size=4), max_size=4)


def _written(value: object) -> str:
    """A value so that 1, 1.0, True and "1" are told apart, and the order of keys is not."""
    if isinstance(value, dict):
        return f"{{{sorted((key, _written(each)) for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value)


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_equal_content_and_only_that_has_an_equal_digest(
    one: list[object], two: list[object]
) -> None:
    assert (digest_of(*one) == digest_of(*two)) == (_written(one) == _written(two))


@given(VALUES)
def test_a_value_is_not_the_list_of_it(value: object) -> None:
    assert len({digest_of(), digest_of(value), digest_of([value]), digest_of(value, value)}) == 4


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=5))
def test_the_order_of_keys_does_not_matter(mapping: dict[str, object]) -> None:
    assert digest_of(dict(reversed(mapping.items()))) == digest_of(mapping)


@given(st.lists(VALUES, max_size=3))
def test_tuples_and_lists_are_the_same_content(values: list[object]) -> None:
    assert digest_of(tuple(values)) == digest_of(values)


@given(VALUES)
def test_what_json_brought_back_has_the_same_digest(value: object) -> None:
    assert digest_of(json.loads(json.dumps(value))) == digest_of(value)


def test_digests_are_the_same_for_ever() -> None:
    """They name what is stored: no version of this program may change them."""
    assert digest_of("é", 1, None) == hashlib.sha256('["é",1,null]'.encode()).hexdigest()
    assert digest_bytes(b"") == hashlib.sha256(b"").hexdigest()
    assert digest_files({"a": b"1"}) == digest_of(["a", digest_bytes(b"1")])


def test_lone_surrogates_have_digests_of_their_own() -> None:
    assert len({digest_of("\ud800"), digest_of("\ud801"), digest_of("?"), digest_of("")}) == 4


@given(FILES)
def test_files_in_another_order_are_the_same_set(files: dict[str, bytes]) -> None:
    assert digest_files(dict(reversed(files.items()))) == digest_files(files)


@given(FILES, FILES)
def test_another_name_or_byte_is_another_set(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    assert (digest_files(one) == digest_files(two)) == (one == two)


@given(FILES, st.text(min_size=1, max_size=4))
def test_an_empty_file_counts(files: dict[str, bytes], name: str) -> None:
    without = {other: data for other, data in files.items() if other != name}
    assert digest_files(without | {name: b""}) != digest_files(without)
