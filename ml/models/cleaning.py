"""Product text as the models and the permanent split read it. Linear time on any input."""

import html
import re
import unicodedata

# Bounded repetitions: html.unescape alone raises on a numeric entity of thousands of digits.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
# A tag ends at the next bracket of either kind, so a text full of "<" is read once, and
# "sizes 3 < 4 > 2" is no tag.
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")


def clean(text: str) -> str:
    """Plain text: HTML entities decoded, tags stripped, white space collapsed.

    >>> clean("Caf&eacute;<br/>  &lt;b&gt;neuf&lt;/b&gt; &#65;")
    'Café neuf A'
    """
    decoded = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return " ".join(_TAG.sub(" ", decoded).split())


def product_text(title: str, description: str) -> str:
    """Title and description as one cleaned text; a description equal to the title is said once.

    >>> product_text("Lampe", "<p>Lampe</p>"), product_text("Lampe", "bleue"), product_text("", "")
    ('Lampe', 'Lampe bleue', '')
    """
    cleaned_title, cleaned_description = clean(title), clean(description)
    if cleaned_description == cleaned_title:
        return cleaned_title
    return f"{cleaned_title} {cleaned_description}".strip()


class _BaseCharacters(dict[int, str]):
    """Code point -> its compatibility decomposition without combining marks, filled as needed."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code))
        base = "".join(c for c in decomposed if not unicodedata.combining(c))
        self[code] = base
        return base


_BASES = _BaseCharacters()


def strip_accents(text: str) -> str:
    """The text in NFKD without combining marks.

    Character by character: normalising a whole text sorts each run of combining marks in quadratic
    time (seven seconds for 100,000 marks), and the marks are dropped anyway.

    >>> strip_accents("Éléphant ½ ﬁn")
    'Elephant 1⁄2 fin'
    """
    return text if text.isascii() else text.translate(_BASES)
