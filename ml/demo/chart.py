"""The picture: served accuracy over time as SVG, with what happened marked along it.

Drawn with the page's colours (CSS classes), so it follows light and dark; its title and description
say in words what it shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from ml.demo.curve import (
    WINDOW,
    CurvePoint,
    Line,
    Reign,
    first_version_line,
    reign_line,
    reigns,
    served_line,
)
from ml.demo.markers import BADGE_WIDTH, PlacedMarker, markers, placed
from ml.demo.report import DemoReport
from ml.domain.predictions import Arm

WIDTH, LEFT, RIGHT = 1180.0, 56.0, 1160.0
PLOT_HEIGHT, ROW_HEIGHT, LANE_HEIGHT = 330.0, 24.0, 20.0
TOP, GAP = 14.0, 10.0
AXIS_HEIGHT = 34.0
DATE_WIDTH = 96
GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
FEWEST_IN_LANE_LABEL = 46.0


@dataclass(frozen=True)
class _Frame:
    """Where things are: `top` is the plot's upper edge, `products` the length of the stream."""

    top: float
    products: int

    @property
    def bottom(self) -> float:
        return self.top + PLOT_HEIGHT

    @property
    def lanes(self) -> float:
        return self.bottom + AXIS_HEIGHT

    @property
    def height(self) -> float:
        return self.lanes + 2 * (LANE_HEIGHT + 6) + GAP

    def x(self, place: float) -> float:
        return LEFT + (RIGHT - LEFT) * place / max(1, self.products)

    def y(self, share: float) -> float:
        return self.bottom - PLOT_HEIGHT * share


def chart(report: DemoReport, points: Sequence[CurvePoint]) -> str:
    """The SVG element; its colours come from the classes that `page` defines."""
    found = markers(report, [point.at for point in points])
    scale = _Frame(0.0, len(points))
    notes = placed(found, xs=[scale.x(marker.place) for marker in found], right=RIGHT)
    rows = 1 + max((note.row for note in notes), default=0)
    frame = _Frame(TOP + rows * ROW_HEIGHT + GAP, len(points))
    who = reigns(points)
    saboteur = report.sabotage.version if report.sabotage else None
    parts = [
        *_backdrop(frame, report, points),
        *_axes(frame, points),
        *_trials(frame, points, who, saboteur),
        _path(frame, first_version_line(points), "first"),
        _path(frame, served_line(points), "served"),
        *_lanes(frame, who, saboteur),
        *(_line_of(frame, note) for note in notes),
        *(part for note in notes for part in _note(note)),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {frame.height:.0f}" role="img" '
        'aria-labelledby="chart-title chart-description">'
        '<title id="chart-title">Served accuracy over simulated time</title>'
        f'<desc id="chart-description">{escape(_in_words(report))}</desc>'
        f"{''.join(part for part in parts if part)}</svg>"
    )


def _in_words(report: DemoReport) -> str:
    figures = report.accuracy
    shares = {
        "before the change": figures.before,
        "until the promotion": figures.drifted,
        "after it": figures.after,
        "of version 1 on the same later products": figures.first_version_on_later_products,
    }
    told = [f"{share:.0%} {name}" for name, share in shares.items() if share is not None]
    return (
        f"Accuracy, averaged over {WINDOW} products: {', '.join(told)}. "
        f"{len(report.alerts)} alerts and {len(report.decisions)} decisions are marked; the tables "
        "below list them and give the figures of every stretch."
    )


def _backdrop(frame: _Frame, report: DemoReport, points: Sequence[CurvePoint]) -> Iterator[str]:
    """Every other stretch is shaded, and what came after the change tinted."""
    starts = [i for i in range(len(points)) if not i or points[i].stretch != points[i - 1].stretch]
    ends = [*starts[1:], len(points)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if number % 2:
            yield _box(frame.x(start), frame.x(end), frame.top, PLOT_HEIGHT, "stripe")
    if report.changed_at is not None:
        changed = sum(point.at < report.changed_at for point in points)
        yield _box(frame.x(changed), frame.x(len(points)), frame.top, PLOT_HEIGHT, "changed")


def _axes(frame: _Frame, points: Sequence[CurvePoint]) -> Iterator[str]:
    for share in GRID:
        y = frame.y(share)
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, f"{share:.0%}", "tick", "end")
    starts = [i for i in range(len(points)) if not i or points[i].stretch != points[i - 1].stretch]
    free = LEFT  # of dates, from here on: stretches may be short
    for start in starts:
        x = frame.x(start)
        if x < free:
            continue
        free = x + DATE_WIDTH
        yield (
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{frame.bottom:.1f}" y2="{frame.bottom + 5:.1f}"/>'
        )
        yield _text(x, frame.bottom + 19, f"{points[start].at:%-d %b %Y}", "tick", "start")


def _trials(
    frame: _Frame, points: Sequence[CurvePoint], who: Sequence[Reign], saboteur: int | None
) -> Iterator[str]:
    """The slice of a challenger, shaded, and its own accuracy."""
    for reign in who:
        if reign.arm is Arm.CHALLENGER:
            kind = "sabotage" if reign.version == saboteur else "trial"
            left, right = frame.x(reign.first), frame.x(reign.last + 1)
            yield _box(left, right, frame.top, PLOT_HEIGHT, f"band {kind}-fill")
            yield _path(frame, reign_line(points, reign), f"own {kind}-line")


def _lanes(frame: _Frame, who: Sequence[Reign], saboteur: int | None) -> Iterator[str]:
    """Below the plot: which version answered in each arm."""
    for row, arm in enumerate(Arm):
        y = frame.lanes + row * (LANE_HEIGHT + 6)
        yield _text(LEFT - 8, y + 14, "A" if arm is Arm.CHAMPION else "B", "tick", "end")
        for reign in who:
            if reign.arm is not arm:
                continue
            kind = "champion" if arm is Arm.CHAMPION else "trial"
            kind = "sabotage" if reign.version == saboteur else kind
            left, right = frame.x(reign.first), frame.x(reign.last + 1)
            yield _box(left, right, y, LANE_HEIGHT, f"lane {kind}-lane", radius=4)
            wide = right - left > FEWEST_IN_LANE_LABEL + 26
            name = f"version {reign.version}" if wide else f"v{reign.version}"
            yield _text(left + 7, y + 14, name, "lane-label", "start")


def _line_of(frame: _Frame, note: PlacedMarker) -> str:
    return (
        f'<line class="event {note.marker.kind}-line" x1="{note.x:.1f}" x2="{note.x:.1f}" '
        f'y1="{_height_of(note):.1f}" y2="{frame.bottom:.1f}"/>'
    )


def _note(note: PlacedMarker) -> Iterator[str]:
    marker, x, y = note.marker, note.x, _height_of(note)
    yield f'<circle class="badge {marker.kind}-badge" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
    yield _text(x, y + 4, marker.symbol, "symbol", "middle")
    offset = -BADGE_WIDTH / 2 - 1 if note.leftward else BADGE_WIDTH / 2 + 1
    anchor = "end" if note.leftward else "start"
    yield _text(x + offset, y + 4, marker.text, "note", anchor)


def _height_of(note: PlacedMarker) -> float:
    return TOP + (note.row + 0.5) * ROW_HEIGHT


def _path(frame: _Frame, line: Line, kind: str) -> str:
    if len(line.places) < 2:
        return ""
    steps = " ".join(
        f"{frame.x(place):.1f},{frame.y(value):.1f}"
        for place, value in zip(line.places, line.values, strict=True)
    )
    return f'<polyline class="line {kind}" points="{steps}"/>'


def _box(left: float, right: float, top: float, height: float, kind: str, radius: int = 0) -> str:
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{height:.1f}" rx="{radius}"/>'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )
