import html
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.models.cleaning import clean, product_text, strip_accents

LENGTH = 100_000
HOSTILE = [
    "<" * LENGTH,
    "<a" * (LENGTH // 2),
    "<!--" * (LENGTH // 4),
    "&" * LENGTH,
    "&#" + "9" * LENGTH,
    "&amp" * (LENGTH // 4),
    " \t" * (LENGTH // 2),
    "\u0300\u0316" * (LENGTH // 2),
    "\u0000" * LENGTH,
    "\ud800" * LENGTH,
    "\ufdfa" * LENGTH,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:8]))
def test_hostile_texts_of_100_000_characters_take_no_time(text):
    start = time.process_time()
    strip_accents(product_text(text, text))
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("Pi&egrave;ce d&#39;or", "Pièce d'or"),
        ("<p>Un<br>deux</p>", "Un deux"),
        ("&lt;b&gt;gras&lt;/b&gt;", "gras"),
        ("taille 3 < 4 > 2", "taille 3 < 4 > 2"),
        ("<!-- caché -->vu", "vu"),
        ("R&D; AT&T", "R&D; AT&T"),
        ("&#99999999;", "\ufffd9;"),
        ("  a\n\t b\u00a0c ", "a b c"),
        ("<div", "<div"),
    ],
)
def test_html_goes_and_text_stays(raw, cleaned):
    assert clean(raw) == cleaned


@given(st.text(alphabet=st.characters(exclude_characters="<>&")))
def test_plain_text_only_loses_superfluous_white_space(text):
    assert clean(text).split() == text.split()


@given(st.text(alphabet="éa<;>b c/"))
def test_escaped_text_is_read_like_the_text_itself(text):
    assert clean(html.escape(text)) == clean(text)


def test_a_description_that_repeats_the_title_is_said_once():
    assert product_text("Table &amp; chaise", "<p>Table &amp; chaise</p>") == "Table & chaise"


def test_text_of_tags_alone_is_no_text():
    assert product_text("<br/>", "&nbsp;") == ""


@given(st.text())
def test_accents_go_as_in_a_normalised_text(text):
    decomposed = unicodedata.normalize("NFKD", text)
    expected = "".join(c for c in decomposed if not unicodedata.combining(c))
    assert strip_accents(text) == expected
