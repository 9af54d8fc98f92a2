"""Languages of product texts, as slices of a report need them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.signals.language import UNCLEAR, language_of
from ml.simulation.marketplace import Marketplace


@pytest.mark.parametrize(
    ("title", "description", "language"),
    [
        ("Chaise pour le jardin", "", "fr"),
        ("GARDEN CHAIR WITH CUSHION", "", "en"),
        ("Stuhl", "<p>für den Garten, mit Kissen</p>", "de"),
        ("Silla para el jardín", "", "es"),
        ("Sedia per il giardino", "", "it"),
        ("Cadeira para o jardim", "não inclui almofada, com dois pés", "pt"),
        ("Stoel voor in de tuin", "", "nl"),
        ("Книга для детей", "", "Cyrillic"),
        ("子供のための本", "", "Chinese or Japanese"),
        ("XBOX 360 500GB", "", UNCLEAR),
        ("", "", UNCLEAR),
        ("the le", "", UNCLEAR),
        ("<div class='with for and'>", "&nbsp;", UNCLEAR),
    ],
)
def test_a_text_has_a_language(title: str, description: str, language: str) -> None:
    assert language_of(title, description) == language


def test_sellers_texts_are_told_apart() -> None:
    marketplace = Marketplace(seed=3, camera=None)
    answers = Counter(
        "unclear" if said == UNCLEAR else str(said == product.language)
        for product in marketplace.products(200)
        for said in [language_of(product.title, product.description)]
    )
    assert answers["True"] > 0.98 * (answers["True"] + answers["False"])
    assert answers["unclear"] < 0.2 * 200, "most of them have a title of names alone"


@given(st.text(), st.text())
def test_any_text_is_in_some_slice(title: str, description: str) -> None:
    assert language_of(title, description)
