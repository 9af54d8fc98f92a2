"""The contract of LabelSpaces."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import EMPTY_LABEL_SPACE, LabelSpace
from tests.examples import START


def test_there_is_an_empty_space_before_the_first_version(stores):
    assert stores.label_spaces.current() == EMPTY_LABEL_SPACE


def test_each_extension_is_a_version_that_keeps_the_indices(stores):
    spaces = stores.label_spaces
    first = spaces.extend(["b", "a"], cause="import", at=START)
    second = spaces.extend(["c", "a", "0"], cause="review", at=START)
    assert first == LabelSpace(1, ("a", "b"))
    assert second == spaces.current() == LabelSpace(2, ("a", "b", "0", "c"))
    assert spaces.get(1) == first


def test_nothing_new_makes_no_version(stores):
    spaces = stores.label_spaces
    assert spaces.extend([], cause="import", at=START) == EMPTY_LABEL_SPACE
    first = spaces.extend(["a"], cause="import", at=START)
    assert spaces.extend(["a"], cause="import", at=START) == first
    assert spaces.current() == first


def test_an_unknown_version_is_not_found(stores):
    with pytest.raises(NotFound, match="label space version 3"):
        stores.label_spaces.get(3)


def test_a_nul_byte_is_refused(stores):
    with pytest.raises(InvalidInput, match="NUL"):
        stores.label_spaces.extend(["a\0"], cause="review", at=START)
    assert stores.label_spaces.current() == EMPTY_LABEL_SPACE


def test_simultaneous_extensions_lose_no_category(stores):
    """Half of them name a category of their own, half all name the same one."""
    wanted = [[f"own {i}"] if i % 2 else ["common"] for i in range(12)]

    def extend(categories):
        return stores.label_spaces.extend(categories, cause="review", at=START)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(extend, wanted))

    current = stores.label_spaces.current()
    assert set(current.classes) == {name for names in wanted for name in names}
    assert current.version == len(current.classes) == 7
    for names, answer in zip(wanted, answers, strict=True):
        assert set(names) <= set(answer.classes)
        assert current.classes[: len(answer)] == answer.classes
