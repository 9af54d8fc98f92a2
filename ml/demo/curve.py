"""The curve of served accuracy: one point a product, smoothed into lines, cut by who answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from ml.domain.predictions import Arm

WINDOW = 120  # products that a point of a line is the mean of
MOST_POINTS = 420  # of a line: more would be narrower than a pixel


@dataclass(frozen=True)
class CurvePoint:
    """One answered product: when, by which version and arm, and whether rightly.

    `first_right` is whether version 1 would be right, None before a retrained version was promoted.
    """

    at: datetime
    stretch: int
    version: int
    arm: Arm
    right: bool
    first_right: bool | None


@dataclass(frozen=True)
class Line:
    """A smoothed share over some products: their places in the whole stream, and its values."""

    places: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Reign:
    """A version that answered in one arm, from the first to the last place of the stream."""

    arm: Arm
    version: int
    first: int
    last: int


def served_line(points: Sequence[CurvePoint]) -> Line:
    """Accuracy of what was served, by whomever."""
    return _line(range(len(points)), [point.right for point in points])


def first_version_line(points: Sequence[CurvePoint]) -> Line:
    """What version 1 would have been worth since the promotion; empty without one."""
    asked = [(place, p.first_right) for place, p in enumerate(points) if p.first_right is not None]
    return _line([place for place, _ in asked], [right for _, right in asked])


def reigns(points: Sequence[CurvePoint]) -> list[Reign]:
    """Who answered when: for each arm, spans of one version."""
    found: dict[tuple[Arm, int, int], Reign] = {}
    for arm in Arm:
        spell, version = 0, 0
        for place, point in enumerate(points):
            if point.arm is not arm:
                continue
            if point.version != version:
                spell, version = spell + 1, point.version
            first = found[arm, version, spell].first if (arm, version, spell) in found else place
            found[arm, version, spell] = Reign(arm, version, first, place)
    return list(found.values())


def reign_line(points: Sequence[CurvePoint], reign: Reign) -> Line:
    """Accuracy of one version's own answers in its reign."""
    places = [
        place
        for place in range(reign.first, reign.last + 1)
        if points[place].arm is reign.arm and points[place].version == reign.version
    ]
    return _line(places, [points[place].right for place in places])


def smoothed(values: Sequence[bool], window: int) -> list[float]:
    """Means over a window around each value, narrower at the ends.

    >>> smoothed([True, True, False, False], 3)
    [1.0, 0.6666666666666666, 0.3333333333333333, 0.0]
    """
    sums = [0, *accumulate(values)]
    half = window // 2
    means = []
    for i in range(len(values)):
        start, end = max(0, i - half), min(len(values), i + half + 1)
        means.append((sums[end] - sums[start]) / (end - start))
    return means


def _line(places: Sequence[int], right: Sequence[bool]) -> Line:
    step = max(1, len(places) // MOST_POINTS)
    kept = sorted({*range(0, len(places), step), *range(len(places))[-1:]})
    means = smoothed(right, WINDOW)
    return Line([places[i] for i in kept], [means[i] for i in kept])
