"""How a seller writes and shows a product: the habits that slices of a report are made of."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_MARKUP = re.compile(r"<[A-Za-z/!][^<>]*>|&(?:#\d{1,7}|[A-Za-z]{2,31});")
_MIN_LETTERS = 4
_SHOUTED_SHARE = 0.7
_SHORT_TITLE = 25
_LONG_DESCRIPTION = 1_000

_Habit = Callable[[str, str, str | None], bool]


def _is_shouted(title: str) -> bool:
    letters = [character for character in title if character.isalpha()]
    capitals = sum(map(str.isupper, letters))
    return len(letters) >= _MIN_LETTERS and capitals >= _SHOUTED_SHARE * len(letters)


_HABITS: Final[Mapping[str, _Habit]] = {
    "title in capitals": lambda title, _, __: _is_shouted(title),
    "short title": lambda title, _, __: len(title.strip()) < _SHORT_TITLE,
    "no description": lambda _, description, __: not description.strip(),
    "HTML description": lambda _, description, __: bool(_MARKUP.search(description)),
    "plain description": lambda _, description, __: (
        bool(description.strip()) and not _MARKUP.search(description)
    ),
    "long description": lambda _, description, __: len(description) >= _LONG_DESCRIPTION,
    "no picture": lambda _, __, picture: picture is None,
    "with a picture": lambda _, __, picture: picture is not None,
}

STYLES: Final = tuple(_HABITS)
"""All habits, in the order in which they are told."""


def styles_of(title: str, description: str, picture: str | None) -> tuple[str, ...]:
    """The habits that a product shows, of STYLES; a product may show several.

    Capitals: at least 70 % of four letters or more. Short: under 25 characters. HTML: a tag or an
    entity. Long: from 1,000 characters.

    >>> styles_of("LAMPE LED 12V", "<p>bleue</p>", None)
    ('title in capitals', 'short title', 'HTML description', 'no picture')
    """
    return tuple(name for name, shows in _HABITS.items() if shows(title, description, picture))
