"""Names that one marketplace invents from its seed: brands and series, some shared in a family."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from ml.simulation.categories import CATEGORIES

_ONSETS = ("b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "k", "l", "m", "n", "p", "r", "v")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou", "eo")
_CODAS = ("", "", "", "n", "r", "x", "l", "s", "m", "k")

_FAMILY_BRANDS = 25
_FAMILY_SERIES = 120
_CATEGORY_BRANDS = 5
_CATEGORY_SERIES = 12


@dataclass(frozen=True)
class Lexicon:
    """Invented names by category code: `own_*` tell the category, `family_*` only its family."""

    own_brands: Mapping[str, tuple[str, ...]]
    own_series: Mapping[str, tuple[str, ...]]
    family_brands: Mapping[str, tuple[str, ...]]
    family_series: Mapping[str, tuple[str, ...]]


def invent_name(rng: Random) -> str:
    """A pronounceable name of two or three syllables.

    >>> invent_name(Random(1)) == invent_name(Random(1))
    True
    """
    syllables = (
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
        for _ in range(rng.choice((2, 2, 3)))
    )
    return "".join(syllables).capitalize()


def invent_lexicon(seed: int) -> Lexicon:
    """All names of the marketplace of one seed."""
    rng = Random(f"{seed}/lexicon")
    families = sorted({category.family for category in CATEGORIES})
    brands = {family: _names(rng, _FAMILY_BRANDS) for family in families}
    series = {family: _names(rng, _FAMILY_SERIES) for family in families}
    return Lexicon(
        own_brands={category.code: _names(rng, _CATEGORY_BRANDS) for category in CATEGORIES},
        own_series={category.code: _names(rng, _CATEGORY_SERIES) for category in CATEGORIES},
        family_brands={category.code: brands[category.family] for category in CATEGORIES},
        family_series={category.code: series[category.family] for category in CATEGORIES},
    )


def _names(rng: Random, count: int) -> tuple[str, ...]:
    return tuple(invent_name(rng) for _ in range(count))
