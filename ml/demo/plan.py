"""What the demo plays: a catalogue cut by time into what was there and what arrives later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml.domain.errors import InvalidInput
from ml.simulation.items import SimulatedProduct

LONGEST_FIRST = 1_000
LONGEST_LATER = 600
FEWEST_LATER = 20


@dataclass(frozen=True)
class Stretch:
    """Products that arrive over HTTP between two times (the end is exclusive)."""

    start: datetime
    end: datetime
    products: Sequence[SimulatedProduct]

    @property
    def days(self) -> float:
        return (self.end - self.start).total_seconds() / 86_400


@dataclass(frozen=True)
class DemoPlan:
    """`bootstrap_before` cuts off the imported part; `first` is served by version 1 and reviewed;
    `later` is served by the better version and is what both are compared on."""

    bootstrap_before: datetime
    first: Stretch
    later: Stretch


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


def make_plan(
    products: Iterable[SimulatedProduct],
    bootstrap_before: datetime,
    *,
    first: int = LONGEST_FIRST,
    later: int = LONGEST_LATER,
) -> DemoPlan:
    """Cut the products (in order of `listed_at`) that come after the bootstrap into two stretches.

    A catalogue with fewer products than asked for is cut in the same proportion. Raises
    InvalidInput when hardly anything is left to play.
    """
    arriving = []
    for product in products:
        if product.listed_at >= bootstrap_before:
            arriving.append(product)
        if len(arriving) > first + later:
            break
    if len(arriving) < FEWEST_LATER:
        raise InvalidInput(
            f"only {len(arriving)} products are listed from {bootstrap_before:%Y-%m-%d} on; "
            "choose an earlier --bootstrap-before"
        )
    played = min(len(arriving), first + later)
    cut = min(first, played * first // (first + later))
    end = arriving[played].listed_at if played < len(arriving) else arriving[-1].listed_at
    middle = arriving[cut].listed_at
    return DemoPlan(
        bootstrap_before=bootstrap_before,
        first=Stretch(bootstrap_before, middle, arriving[:cut]),
        later=Stretch(middle, end, arriving[cut:played]),
    )
