"""A synthetic marketplace with the statistics of a real one; any size, one product at a time.

Each product is made from the seed and its own index alone: the i-th is the same however many are
asked for, and in whatever order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from random import Random

from ml.simulation.categories import CATEGORIES, Category
from ml.simulation.items import SimulatedProduct
from ml.simulation.lexicon import Lexicon, invent_lexicon, renew_lexicon
from ml.simulation.pictures import Camera, PictureDifficulty, take_picture
from ml.simulation.sellers import Seller, found_sellers, sellers_of
from ml.simulation.texts import TextDifficulty, Topic, choose_topic, write_description, write_title

# Listings by weekday, Monday first: sellers list on Sundays and after the week-end.
WEEKDAY_VOLUME = (1.15, 1.05, 1.0, 0.95, 0.85, 0.7, 1.3)
_OPENS = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
_NEAREST_TWIN = 40


@dataclass(frozen=True)
class _Origin:
    """What a listing has in common with its variants (other colours, other sizes)."""

    category: Category
    seller: Seller
    topic: Topic
    title: str


@dataclass(frozen=True, kw_only=True)
class Marketplace:
    """A marketplace of one seed; see `products`.

    `categories` and their shares, the renewed words and the camera are what `drift.drifted`
    changes; without a camera products have no picture. `products_per_day` is the mean over a week;
    `duplicate_title_share` counts products that are variants of one listed shortly before.
    """

    seed: int = 42
    opens_at: datetime = _OPENS
    products_per_day: float = 50.0
    sellers_count: int = 48
    categories: tuple[Category, ...] = CATEGORIES
    foreign_share: float = 0.2
    missing_description_share: float = 0.35
    duplicate_title_share: float = 0.03
    typo_share: float = 0.03
    renewed_words_share: float = 0.0
    text: TextDifficulty = field(default_factory=TextDifficulty)
    pictures: PictureDifficulty = field(default_factory=PictureDifficulty)
    camera: Camera | None = field(default_factory=Camera)

    def products(self, count: int, *, start: int = 0) -> Iterator[SimulatedProduct]:
        """Products `start` to `start + count - 1`, in the order of `listed_at`."""
        return (self.product(index) for index in range(start, start + count))

    def product(self, index: int) -> SimulatedProduct:
        """The product of one index, from 0."""
        rng = self._rng("product", index)
        twin = rng.randint(1, _NEAREST_TWIN)
        is_variant = rng.random() < self.duplicate_title_share and twin <= index
        origin = self._origin(index - twin if is_variant else index)
        return SimulatedProduct(
            product_id=f"{self.seed}-{index:07d}",
            title=origin.title,
            description=write_description(rng, origin.topic, origin.seller, self._lexicon),
            picture=self._picture(rng, origin),
            category=origin.category.code,
            listed_at=self.listed_at(index),
            seller=origin.seller.name,
            language=origin.topic.language,
        )

    def listed_at(self, index: int) -> datetime:
        """When the product of this index is listed, to the second; never before the one before it.

        Weeks have equal volume, spread over the weekdays by WEEKDAY_VOLUME (a week starts at the
        weekday of `opens_at`).
        """
        weeks = (index + self._rng("time", index).random()) / (7 * self.products_per_day)
        volumes = self._week
        position = weeks % 1 * volumes[-1]
        day = next(day for day, volume in enumerate(volumes) if position < volume)
        begun = volumes[day - 1] if day else 0.0
        share_of_day = (position - begun) / (volumes[day] - begun)
        listed = self.opens_at + timedelta(days=7 * int(weeks) + day + share_of_day)
        return listed.replace(microsecond=0)

    def _picture(self, rng: Random, origin: _Origin) -> bytes | None:
        if self.camera is None:
            return None
        code, seller = origin.category.code, origin.seller
        return take_picture(rng, code, seller, self.pictures, self.camera)

    def _origin(self, index: int) -> _Origin:
        rng = self._rng("origin", index)
        category = rng.choices(self.categories, cum_weights=self._cumulative_shares)[0]
        sellers, sizes = self._sellers_by_code[category.code]
        seller = rng.choices(sellers, sizes)[0]
        topic = choose_topic(rng, category.code, seller, self.text)
        title = write_title(rng, topic, seller, self._lexicon)
        return _Origin(category=category, seller=seller, topic=topic, title=title)

    def _rng(self, stream: str, index: int) -> Random:
        """Independent of every other stream and index; strings seed by SHA-512, on any machine."""
        return Random(f"{self.seed}/{stream}/{index}")

    @cached_property
    def _lexicon(self) -> Lexicon:
        lexicon = invent_lexicon(self.seed)
        return renew_lexicon(lexicon, self.renewed_words_share, self.seed)

    @cached_property
    def sellers(self) -> tuple[Seller, ...]:
        """All sellers; each sells a few categories."""
        return found_sellers(
            self.seed,
            count=self.sellers_count,
            missing_description_share=self.missing_description_share,
            foreign_share=self.foreign_share,
            typo_share=self.typo_share,
        )

    @cached_property
    def _sellers_by_code(self) -> dict[str, tuple[tuple[Seller, ...], list[float]]]:
        return {
            category.code: sellers_of(self.sellers, category.code) for category in self.categories
        }

    @cached_property
    def _cumulative_shares(self) -> list[float]:
        return list(accumulate(category.share for category in self.categories))

    @cached_property
    def _week(self) -> list[float]:
        """Cumulative volume of the seven days that follow `opens_at`'s weekday."""
        first = self.opens_at.weekday()
        return list(accumulate(WEEKDAY_VOLUME[(first + day) % 7] for day in range(7)))
