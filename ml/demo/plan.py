"""What the demo plays: what was there before, and the products that arrive afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TypeVar

from ml.domain.errors import InvalidInput
from ml.simulation.drift import DriftingMarketplace
from ml.simulation.items import SimulatedProduct
from ml.simulation.replay import Listing, replay

FEWEST_LATER = 20

T = TypeVar("T")


class Arrivals:
    """Products in the order of `listed_at`, each taken once, made or read when it is taken."""

    def __init__(self, products: Iterable[SimulatedProduct]) -> None:
        self._products = iter(products)
        self._next = next(self._products, None)

    @property
    def next_at(self) -> datetime | None:
        """When the next product arrives; None when none is left."""
        return self._next.listed_at if self._next else None

    def take(self, count: int) -> list[SimulatedProduct]:
        """The next products, fewer than asked for at the end."""
        taken: list[SimulatedProduct] = []
        while len(taken) < count and self._next is not None:
            taken.append(self._next)
            self._next = next(self._products, None)
        return taken


@dataclass(frozen=True)
class DemoPlan:
    """What was listed before `bootstrap_before` is imported, the rest arrives.

    There can be so many `stretches`. `changes_after` of them the marketplace changes (None: it does
    as it did in truth). `products_per_day` is the mean pace of the arrivals.
    """

    bootstrap_before: datetime
    arrivals: Arrivals
    stretches: int
    products_per_day: float
    changes_after: int | None = None


def market_plan(
    market: DriftingMarketplace, *, bootstrap: int, stretch: int, stretches: int
) -> DemoPlan:
    """Play a made marketplace, of which the first `bootstrap` products were there before.

    It yields twice what the stretches hold: what arrives while a judge decides comes on top.
    """
    return DemoPlan(
        bootstrap_before=market.before.listed_at(bootstrap),
        arrivals=Arrivals(market.products(2 * stretch * stretches, start=bootstrap)),
        stretches=stretches,
        products_per_day=market.before.products_per_day,
        changes_after=(market.changes_at - bootstrap) // stretch,
    )


def catalogue_plan(
    listings: Iterable[Listing], bootstrap_before: datetime, *, stretch: int, stretches: int
) -> DemoPlan:
    """Play a real catalogue from a time on, thinned evenly when it has more than is played.

    Raises InvalidInput when hardly anything is left to play.
    """
    later = sorted(
        (listing for listing in listings if listing.listed_at >= bootstrap_before),
        key=lambda listing: (listing.listed_at, listing.product_id),
    )
    if len(later) < FEWEST_LATER:
        raise InvalidInput(
            f"only {len(later)} products are listed from {bootstrap_before:%Y-%m-%d} on; "
            "choose an earlier --bootstrap-before"
        )
    kept = thinned(later, stretch * stretches)
    days = (kept[-1].listed_at - kept[0].listed_at).total_seconds() / 86_400
    return DemoPlan(
        bootstrap_before=bootstrap_before,
        arrivals=Arrivals(replay(kept)),
        stretches=min(stretches, ceil(len(kept) / stretch)),
        products_per_day=len(kept) / max(days, 1.0),
    )


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly spread.

    >>> thinned("abcdefghij", 4)
    ['a', 'c', 'f', 'h']
    """
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def choose_cut(listed: Sequence[datetime]) -> datetime:
    """The time before which a catalogue is imported: by default a third to a half of it.

    The start of a year, where one leaves 20 to 60 % of the products before it (the one nearest to
    a third); else the time of the product a third of the way.

    >>> days = [datetime(2011, 7, day, tzinfo=UTC) for day in range(1, 31)]
    >>> later = [datetime(2012, 3, day, tzinfo=UTC) for day in range(1, 31)]
    >>> choose_cut(days + later).isoformat()
    '2012-01-01T00:00:00+00:00'
    """
    ordered = sorted(listed)
    if len(ordered) < 3:
        raise InvalidInput("the catalogue needs at least three products to be played")
    years = range(ordered[0].year + 1, ordered[-1].year + 1)
    starts = {datetime(year, 1, 1, tzinfo=UTC) for year in years}
    shares = {start: sum(time < start for time in ordered) / len(ordered) for start in starts}
    fitting = [start for start, share in shares.items() if 0.2 <= share <= 0.6]
    if fitting:
        return min(fitting, key=lambda start: abs(shares[start] - 1 / 3))
    return ordered[len(ordered) // 3]
