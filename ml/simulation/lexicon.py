"""Words that tell a category: its nouns, and the brands and series that one seed invents."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from ml.simulation.categories import CATEGORIES
from ml.simulation.vocabulary import CATEGORY_WORDS

_ONSETS = ("b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "k", "l", "m", "n", "p", "r", "v")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou", "eo")
_CODAS = ("", "", "", "n", "r", "x", "l", "s", "m", "k")

_FAMILY_BRANDS = 25
_FAMILY_SERIES = 120
_CATEGORY_BRANDS = 5
_CATEGORY_SERIES = 12
_NEW_NOUNS = 4

Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Lexicon:
    """Words by category code: `nouns` by language, commonest first, and invented names.

    `nouns` and `own_*` tell the category, `family_*` only its family.
    """

    nouns: Mapping[str, Names]
    own_brands: Names
    own_series: Names
    family_brands: Names
    family_series: Names


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
    return _invent(Random(f"{seed}/lexicon"), CATEGORY_WORDS)


def renew_lexicon(lexicon: Lexicon, share: float, seed: int) -> Lexicon:
    """The lexicon after this share of each kind of its words gave way to newly invented names.

    The commonest nouns go first. The new ones are few and the same in every language, as the names
    of new kinds of products are.
    """
    rng = Random(f"{seed}/renewed lexicon")
    new = _invent(
        rng,
        {
            code: dict.fromkeys(languages, _names(rng, _NEW_NOUNS))
            for code, languages in lexicon.nouns.items()
        },
    )
    return Lexicon(
        nouns={
            code: _renewed(nouns, new.nouns[code], share) for code, nouns in lexicon.nouns.items()
        },
        own_brands=_renewed(lexicon.own_brands, new.own_brands, share),
        own_series=_renewed(lexicon.own_series, new.own_series, share),
        family_brands=_renewed(lexicon.family_brands, new.family_brands, share),
        family_series=_renewed(lexicon.family_series, new.family_series, share),
    )


def _invent(rng: Random, nouns: Mapping[str, Names]) -> Lexicon:
    families = sorted({category.family for category in CATEGORIES})
    brands = {family: _names(rng, _FAMILY_BRANDS) for family in families}
    series = {family: _names(rng, _FAMILY_SERIES) for family in families}
    return Lexicon(
        nouns=nouns,
        own_brands={category.code: _names(rng, _CATEGORY_BRANDS) for category in CATEGORIES},
        own_series={category.code: _names(rng, _CATEGORY_SERIES) for category in CATEGORIES},
        family_brands={category.code: brands[category.family] for category in CATEGORIES},
        family_series={category.code: series[category.family] for category in CATEGORIES},
    )


def _names(rng: Random, count: int) -> tuple[str, ...]:
    return tuple(invent_name(rng) for _ in range(count))


def _renewed(words: Names, new: Names, share: float) -> Names:
    """The first `share` of each tuple replaced by the new words, repeated where they are few."""
    renewed = {}
    for key, old in words.items():
        count = round(share * len(old))
        renewed[key] = (*islice(cycle(new[key]), count), *old[count:])
    return renewed
