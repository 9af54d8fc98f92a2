"""A marketplace that changes: new words, another mix of categories, another camera."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from ml.domain.errors import InvalidInput
from ml.simulation.categories import Category
from ml.simulation.items import SimulatedProduct
from ml.simulation.marketplace import Marketplace
from ml.simulation.pictures import Camera

LATER_CAMERA: Final = Camera(brightness=0.7, grain=18.0, jpeg_quality=55)


@dataclass(frozen=True)
class DriftingMarketplace:
    """`before` up to the product of index `changes_at`, and from that one on `after`.

    Both are of one seed and one time line, so ids and listing times go on as if nothing happened;
    raises InvalidInput otherwise.
    """

    before: Marketplace
    after: Marketplace
    changes_at: int

    def __post_init__(self) -> None:
        if _time_line(self.before) != _time_line(self.after):
            raise InvalidInput(
                "a marketplace keeps its seed, opens_at and products_per_day when it changes"
            )

    def products(self, count: int, *, start: int = 0) -> Iterator[SimulatedProduct]:
        """Products `start` to `start + count - 1`, in the order of `listed_at`."""
        return (self.product(index) for index in range(start, start + count))

    def product(self, index: int) -> SimulatedProduct:
        """The product of one index, from 0."""
        return (self.before if index < self.changes_at else self.after).product(index)


def drifted(
    marketplace: Marketplace,
    *,
    renewed_words_share: float = 0.35,
    mix_factor: float = 2.5,
    camera: Camera | None = LATER_CAMERA,
) -> Marketplace:
    """The marketplace as it is after a change; the same arguments give the same one.

    `renewed_words_share` of the nouns, brands and series of each category give way to newly
    invented ones (0: none). A third of the categories become `mix_factor` times as common, another
    third as much rarer (1: none). Pictures are taken with `camera` (None: with the same as before;
    a marketplace without pictures stays without).
    """
    keeps_camera = camera is None or marketplace.camera is None
    return replace(
        marketplace,
        renewed_words_share=renewed_words_share,
        categories=_shifted(marketplace.categories, mix_factor, marketplace.seed),
        camera=marketplace.camera if keeps_camera else camera,
    )


def _shifted(categories: tuple[Category, ...], factor: float, seed: int) -> tuple[Category, ...]:
    """The categories with shares multiplied by `factor`, 1 or 1 / `factor`, a third each."""
    order = Random(f"{seed}/mix").sample(range(len(categories)), len(categories))
    factors = (factor, 1.0, 1 / factor)
    return tuple(
        replace(category, share=category.share * factors[rank % 3])
        for category, rank in zip(categories, order, strict=True)
    )


def _time_line(marketplace: Marketplace) -> tuple[object, ...]:
    return marketplace.seed, marketplace.opens_at, marketplace.products_per_day
