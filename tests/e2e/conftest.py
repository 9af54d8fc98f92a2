"""Stacks that several files of tests share."""

from collections.abc import Iterator

import pytest

from tests.e2e.text_stack import TextStack, running_text_stack


@pytest.fixture(scope="session")
def text_stack() -> Iterator[TextStack]:
    """Started once, because starting takes half a minute."""
    with running_text_stack() as stack:
        yield stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the shared stack comes last of all, so that no other one runs beside it."""
    items.sort(key=lambda item: "text_stack" in getattr(item, "fixturenames", ()))
