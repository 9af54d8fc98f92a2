"""The report's tables for a terminal."""

from textwrap import shorten

from rich.markup import escape
from rich.table import Table

from ml.demo.labels_needed import Median
from ml.demo.needed import PROMOTED
from ml.demo.report import DecisionReport, DemoReport
from ml.demo.rules import OBSERVED, OBSERVED_WEEK, PEEKED, RANDOM, REGAIN, UNPAIRED
from ml.demo.trials import JUDGE

_SHORT = 46

_COLOURS = {
    **{"promote": "green", "confirm": "green", "challenge": "cyan"},
    **{"rollback": "red", "refuse": "red"},
}
RULE_NAMES = {
    OBSERVED: "2 points under, looked at daily",
    OBSERVED_WEEK: "the same, over 7 days",
    PEEKED: "z-test, looked at daily",
    UNPAIRED: "anytime test, each arm's own*",
    RANDOM: "anytime test, random products",
    REGAIN: "regain, disagreements",
}


def share(value: float | None) -> str:
    """A share in percent."""
    return "none" if value is None else f"{value:.1%}"


def accuracy(report: DemoReport) -> Table:
    """What was served, by the truth."""
    figures = report.accuracy
    table = _table("Served accuracy (by the truth; the sabotage aside)", "products")
    for name in ("served", "version 1", "gain"):
        table.add_column(name, justify="right")
    pairs = {
        "before the change": (figures.before, None),
        "drifted, until the promotion": (figures.drifted, None),
        f"{figures.later_products} later ones": (
            figures.after,
            figures.first_version_on_later_products,
        ),
        f"{figures.later_products_of_known_classes} of classes version 1 knows": (
            figures.after_on_known_classes,
            figures.first_version_on_known_classes,
        ),
    }
    for name, (served, first) in pairs.items():
        gain = "" if served is None or first is None else f"{100 * (served - first):+.1f} points"
        table.add_row(name, share(served), "" if first is None else share(first), gain)
    return table


def decisions(report: DemoReport) -> Table:
    """Alerts and decisions in their order; what the judge says is told in full."""
    table = Table(title="Alerts and decisions, in simulated time", expand=True)
    for name, width in (("at", 10), ("who", 13), ("what", None)):
        table.add_column(name, width=width, ratio=None if width else 1)
    lines = [
        (alert.at, "check_drift", f"[yellow]alert: {alert.action}[/] {_short(alert.reason)}")
        for alert in report.alerts
    ]
    lines += [(each.at, each.actor, _decision(each)) for each in report.decisions]
    for at, who, what in sorted(lines, key=lambda line: line[0]):
        table.add_row(f"{at:%Y-%m-%d}", who, what)
    return table


def _decision(entry: DecisionReport) -> str:
    colour = _COLOURS.get(entry.decision, "default")
    named = f"[{colour}]{entry.decision} version {entry.version}[/]"
    judged = entry.actor == JUDGE
    return f"{named} {escape(entry.reason) if judged else _short(entry.reason)}"


def _short(reason: str) -> str:
    return escape(shorten(reason, _SHORT, placeholder="…"))


def comparisons(report: DemoReport) -> Table:
    """What people found where two models differed."""
    table = _table("Compared: both models score the same products", "comparison")
    for name in ("products", "differ", "labels", "won", "lost", "accuracy", "verdict"):
        table.add_column(name, no_wrap=True, justify="left" if name == "verdict" else "right")
    for each in report.comparisons:
        table.add_row(
            f"{each.kind}, {each.version} v. {each.rival}",
            str(each.products),
            f"{each.disagreements / each.products:.0%}",
            *(str(count) for count in (each.labels, each.wins, each.losses)),
            f"{each.difference:+.1%} ({each.difference_low:+.1%} to {each.difference_high:+.1%})",
            each.verdict or "none yet",
        )
    return table


def needed(report: DemoReport) -> Table:
    """What each rule would have taken; medians of simulated months of such versions."""
    title = "Labels that each rule would have needed: medians of simulated months of such a version"
    table = _table(title, "rule")
    for each in report.needed:
        table.add_column(f"to {each.decision} version {each.version}", justify="right")
    table.add_column("false stops", justify="right")
    for rule, name in RULE_NAMES.items():
        medians = [each.rules[rule] for each in report.needed]
        stops = max((median.false_stops for median in medians), default=0.0)
        cells = [
            told(median, promoting=each.decision == PROMOTED)
            for median, each in zip(medians, report.needed, strict=True)
        ]
        table.add_row(name, *cells, f"{stops:.0%}")
    here = [
        f"{each.labels}, enough after {each.labels_to_decide}"
        if each.labels_to_decide
        else str(each.labels)
        for each in report.needed
    ]
    table.add_row("taken here", *here, "")
    table.caption = "* of each arm. False stops: of versions as good as the champion, in 30 days."
    table.caption_justify = "left"
    return table


def told(median: Median, *, promoting: bool) -> str:
    """A median, or that there is none."""
    if median.labels is not None:
        return str(median.labels)
    return "never promotes" if promoting else f"over {median.at_most}"


def labels_say(report: DemoReport) -> Table:
    """The accuracy that labels show, and the truth."""
    table = _table("What the labels say of version 1, before the change", "share of right answers")
    table.add_column("", justify="right")
    said = report.labels_say
    assert said is not None, "asked for where there are labels"
    rows = {
        f"naive: of the {said.labels} that were reviewed": share(said.naive),
        f"weighted: of all {said.products}": (
            f"{share(said.weighted)} ({share(said.low)} to {share(said.high)})"
        ),
        "had the same people labelled every one": share(said.everybody),
        "the truth, reviewers' errors aside": share(said.truth),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    return table
