"""What happened along the curve: alerts and decisions, with labels that do not cover each other."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ml.demo.report import DemoReport

CHARACTER_WIDTH = 7.0
BADGE_WIDTH = 26.0

_SYMBOLS = {
    "change": "≈",
    "alert": "!",
    "promote": "✓",
    "challenge": "?",
    "rollback": "↩",
    "refuse": "×",
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
    """A marker at `x` with its label in a row; `leftward` labels end at the badge."""

    marker: Marker
    x: float
    row: int
    leftward: bool


def markers(report: DemoReport, times: Sequence[datetime]) -> list[Marker]:
    """The report's alerts and decisions over products of these times, in order.

    Alerts of one check stand together; trials that merely go on are left to the table.
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
        "rollback": f"{name} rolled back",
        "refuse": f"{name} refused by the gate",
        "continue": f"{name} stays on trial",
    }
    return decision, texts[decision]


def placed(found: Sequence[Marker], *, xs: Sequence[float], right: float) -> list[PlacedMarker]:
    """The markers at their x, each in the first row in which its label has room up to `right`."""
    taken: list[list[tuple[float, float]]] = []
    result = []
    for marker, x in zip(found, xs, strict=True):
        width = BADGE_WIDTH + CHARACTER_WIDTH * len(marker.text)
        leftward = x + width > right
        span = (x - width, x + BADGE_WIDTH / 2) if leftward else (x - BADGE_WIDTH / 2, x + width)
        row = next((i for i, spans in enumerate(taken) if _is_free(spans, span)), len(taken))
        if row == len(taken):
            taken.append([])
        taken[row].append(span)
        result.append(PlacedMarker(marker, x, row, leftward))
    return result


def _is_free(spans: Sequence[tuple[float, float]], wanted: tuple[float, float]) -> bool:
    return all(wanted[1] <= start or end <= wanted[0] for start, end in spans)
