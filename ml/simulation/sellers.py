"""The sellers of a marketplace: what they sell and how they write and photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ml.simulation.categories import CATEGORIES
from ml.simulation.lexicon import invent_name

_FOREIGN = ("en", "de", "es", "it")
_FOREIGN_WEIGHTS = (10, 6, 2, 2)


@dataclass(frozen=True)
class Seller:
    """One seller's habits; shares and probabilities are in [0, 1].

    `second_language` is used in `foreign_share` of the listings, French in the others. `tint`
    shifts every picture's red, green and blue by so many of 255 levels.
    """

    name: str
    codes: frozenset[str]
    size: float
    second_language: str
    foreign_share: float
    missing_description_share: float
    html_share: float
    entity_share: float
    typo_share: float
    upper_share: float
    noun_first_share: float
    border_share: float
    tint: tuple[int, int, int]


def found_sellers(
    seed: int,
    *,
    count: int,
    missing_description_share: float,
    foreign_share: float,
    typo_share: float,
    sellers_per_category: int = 6,
) -> tuple[Seller, ...]:
    """The sellers of one seed; every category is sold by at least `sellers_per_category` of them.

    The three shares are the means over sellers, who differ.
    """
    rng = Random(f"{seed}/sellers")
    codes: list[set[str]] = [set() for _ in range(count)]
    for category in CATEGORIES:
        for chosen in rng.sample(range(count), min(count, sellers_per_category)):
            codes[chosen].add(category.code)
    return tuple(
        _found(
            rng,
            codes=sold,
            missing_description_share=missing_description_share,
            foreign_share=foreign_share,
            typo_share=typo_share,
        )
        for sold in codes
    )


def _found(
    rng: Random,
    *,
    codes: set[str],
    missing_description_share: float,
    foreign_share: float,
    typo_share: float,
) -> Seller:
    return Seller(
        name=f"{invent_name(rng)} {rng.choice(('Shop', 'Store', 'Direct', 'Boutique', 'Market'))}",
        codes=frozenset(codes),
        size=rng.lognormvariate(0, 0.7),
        second_language=rng.choices(_FOREIGN, _FOREIGN_WEIGHTS)[0],
        foreign_share=_around(rng, foreign_share),
        missing_description_share=_around(rng, missing_description_share),
        html_share=rng.random(),
        entity_share=rng.choice((0.0, 0.0, 0.2, 0.8)),
        typo_share=_around(rng, typo_share),
        upper_share=rng.choice((0.0, 0.05, 0.1, 0.7)),
        noun_first_share=rng.random(),
        border_share=_around(rng, 0.65),
        tint=(rng.randint(-12, 12), rng.randint(-8, 8), rng.randint(-12, 12)),
    )


def _around(rng: Random, mean: float, *, concentration: float = 12) -> float:
    """A share that differs between sellers and has this mean; 0 and 1 stay what they are."""
    if mean in (0, 1):
        return mean
    return rng.betavariate(concentration * mean, concentration * (1 - mean))


def sellers_of(sellers: Sequence[Seller], code: str) -> tuple[tuple[Seller, ...], list[float]]:
    """The sellers of a category, and their sizes as weights."""
    chosen = tuple(seller for seller in sellers if code in seller.codes)
    return chosen, [seller.size for seller in chosen]
