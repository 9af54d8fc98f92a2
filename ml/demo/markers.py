"""What happened along the curve: alerts and decisions, with labels that do not cover each other."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from ml.demo.report import DemoReport

CHARACTER_WIDTH = 7.0
BADGE_WIDTH = 26.0
ROWS_FOR_A_CROSSING = 4  # a label goes so many rows further down rather than across a line

_SYMBOLS = {
    "change": "≈",
    "alert": "!",
    "promote": "✓",
    "challenge": "?",
    "rollback": "↩",
    "refuse": "×",
    "confirm": "✓",
    "continue": "…",
    "sabotage": "☠",
}


@dataclass(frozen=True)
class Marker:
    """Something that happened after so many products. `kind` chooses its colour and symbol."""

    place: int
    kind: str
    text: str

    @property
    def symbol(self) -> str:
        return _SYMBOLS[self.kind]


@dataclass(frozen=True)
class PlacedMarker:
    """A marker at `x` with its label in a row; `leftward` labels end at the badge.

    Its line goes down from the badge through all rows below.
    """

    marker: Marker
    x: float
    row: int
    leftward: bool

    @property
    def span(self) -> tuple[float, float]:
        """From where to where badge and label reach."""
        half, width = BADGE_WIDTH / 2, BADGE_WIDTH + CHARACTER_WIDTH * len(self.marker.text)
        return (self.x - width, self.x + half) if self.leftward else (self.x - half, self.x + width)

    def covers(self, other: "PlacedMarker") -> bool:
        """Whether the two, in one row, overlap."""
        (start, end), (left, right) = self.span, other.span
        return self.row == other.row and left < end and start < right

    def crosses(self, other: "PlacedMarker") -> bool:
        """Whether this one's line goes through the other's label."""
        left, right = other.span
        beside_badge = abs(self.x - other.x) > BADGE_WIDTH / 2
        return self.row < other.row and left < self.x < right and beside_badge


def markers(report: DemoReport, times: Sequence[datetime]) -> list[Marker]:
    """The report's alerts and decisions over products of these times, in order.

    Alerts of one check stand together; what merely goes on is left to the table.
    """
    forced = report.sabotage.version if report.sabotage else None
    found: list[tuple[datetime, str, str]] = []
    if report.changed_at is not None:
        found.append((report.changed_at, "change", "the marketplace changes"))
    for at, alerts in groupby(report.alerts, key=lambda alert: alert.at):
        found.append((at, "alert", f"alert: {', '.join(sorted(each.action for each in alerts))}"))
    for entry in report.decisions:
        kind, text = _told(entry.decision, entry.version, sabotage=entry.version == forced)
        if kind != "continue":
            found.append((entry.at, kind, text))
    found.sort(key=lambda event: event[0])  # stable: an alert stays before what it led to
    return [Marker(_place(times, at, kind), kind, text) for at, kind, text in found]


def _place(times: Sequence[datetime], at: datetime, kind: str) -> int:
    before = bisect_right(times, at)
    return max(0, before - 1) if kind == "change" else before


def _told(decision: str, version: int, *, sabotage: bool) -> tuple[str, str]:
    name = f"version {version}"
    if decision == "challenge" and sabotage:
        return "sabotage", f"sabotage: {name} forced in"
    texts = {
        "promote": f"{name} promoted",
        "challenge": f"{name} on trial",
        "rollback": f"{name} stopped",
        "confirm": f"{name} confirmed",
        "refuse": f"{name} refused by the gate",
        "continue": f"{name} goes on",
    }
    return decision, texts[decision]


def placed(found: Sequence[Marker], *, xs: Sequence[float], right: float) -> list[PlacedMarker]:
    """The markers at their x, each in a row in which its label has room up to `right`.

    The higher the better, but lines should not go through labels.
    """
    done: list[PlacedMarker] = []
    for marker, x in zip(found, xs, strict=True):
        here = PlacedMarker(marker, x, 0, leftward=False)
        here = replace(here, leftward=here.span[1] > right)
        rows = range(2 + max((other.row for other in done), default=-1))
        tries = [replace(here, row=row) for row in rows]
        free = [each for each in tries if not any(each.covers(other) for other in done)]
        done.append(min(free, key=lambda each: _cost(each, done)))
    return done


def _cost(wanted: PlacedMarker, done: Sequence[PlacedMarker]) -> int:
    crossings = sum(wanted.crosses(other) + other.crosses(wanted) for other in done)
    return wanted.row + ROWS_FOR_A_CROSSING * crossings
