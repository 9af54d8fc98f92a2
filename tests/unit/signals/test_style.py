"""Sellers' habits, as slices of a report need them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.signals.style import STYLES, styles_of


@pytest.mark.parametrize(
    ("title", "description", "picture", "habit", "shown"),
    [
        ("LAMPE LED", "", None, "title in capitals", True),
        ("Lampe LED", "", None, "title in capitals", False),
        ("LED", "", None, "title in capitals", False),
        ("12345", "", None, "title in capitals", False),
        ("Lampe de bureau à pince LED", "", None, "short title", False),
        ("Lampe", " \n", None, "no description", True),
        ("Lampe", "x", None, "no description", False),
        ("Lampe", "bleue<br/>", None, "HTML description", True),
        ("Lampe", "caf&eacute;", None, "HTML description", True),
        ("Lampe", "sizes 3 < 4 > 2 & more", None, "HTML description", False),
        ("Lampe", "sizes 3 < 4 > 2 & more", None, "plain description", True),
        ("Lampe", "", None, "plain description", False),
        ("Lampe", "x" * 1_000, None, "long description", True),
        ("Lampe", "x" * 999, None, "long description", False),
        ("Lampe", "", "a" * 64, "with a picture", True),
        ("Lampe", "", "a" * 64, "no picture", False),
    ],
)
def test_a_habit_shows(
    title: str, description: str, picture: str | None, habit: str, shown: bool
) -> None:
    assert (habit in styles_of(title, description, picture)) is shown


@given(st.text(), st.text(), st.none() | st.text())
def test_each_product_has_one_kind_of_description_and_one_of_picture(
    title: str, description: str, picture: str | None
) -> None:
    styles = styles_of(title, description, picture)
    assert set(styles) <= set(STYLES)
    descriptions = {"no description", "HTML description", "plain description"}
    assert len(descriptions & set(styles)) == 1
    assert len({"no picture", "with a picture"} & set(styles)) == 1
