"""What `make bench-rollout` shows on the screen."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.accuracy import AccuracyCell
from benchmarks.summary import promises
from benchmarks.trial import CellFigures
from ml.demo.rules import OBSERVED, OBSERVED_WEEK, PEEKED, RANDOM, REGAIN, RULES, UNPAIRED

_RIVALS = {
    OBSERVED: "observed drop",
    OBSERVED_WEEK: "... 7 days",
    PEEKED: "peeked z",
    UNPAIRED: "unpaired",
    RANDOM: "random labels",
}
_WIDTH_OF_A_FILE = 200


def print_all(
    console: Console,
    results: Sequence[CellFigures],
    audits: Sequence[AccuracyCell],
    summary: Mapping[str, float | None],
) -> None:
    """Every cell, the accuracies, the summary and the promises."""
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE, file=console.file)
    for family in dict.fromkeys(each.cell.family for each in results):
        console.print(_cells(family, (each for each in results if each.cell.family == family)))
    for name, rule in RULES.items():
        console.print(f"{name}: {rule}")
    console.print(_audits(audits))
    lines = Table("promised", "measured", "holds", title="What must hold")
    for each in promises(summary, results):
        lines.add_row(each.text, each.measured, "yes" if each.holds else "[bold red]no[/]")
    console.print(lines)
    bound, measured = summary["false_stops_a_year_bound"], summary["false_stops_a_year"]
    console.print(
        f"Twelve rollouts a year, each wrongly stopped in at most 5 %: at least one of them in at "
        f"most {bound:.0%} of years; measured on accuracy: {measured:.0%}"
    )


def _cells(family: str, cells: Iterable[CellFigures]) -> Table:
    table = Table(title=f"{family}: regain's decisions, and months that other rules stop")
    for name in ("points", "disagree", "both wrong", "reviewers err"):
        table.add_column(name, justify="right")
    for name in ("rollback", "rejected", "promoted", "expired", "with watch", "labels to stop"):
        table.add_column(name, justify="right", style="bold")
    for name in ("to promote", *_RIVALS.values()):
        table.add_column(name, justify="right")
    for each in cells:
        table.add_row(*_conditions(each), *_row(each))
    return table


def _conditions(figures: CellFigures) -> list[str]:
    each = figures.cell.conditions
    return [
        f"{each.difference * 100:+.0f}",
        f"{each.disagreement:.0%}",
        f"{each.both_wrong:.1f}",
        f"{each.reviewer_error:.0%}",
    ]


def _row(figures: CellFigures) -> list[str]:
    if not figures.rules:
        return ["impossible"]
    ours = figures.rules[REGAIN]
    whole = figures.whole
    return [
        f"{figures.rollback:.1%}",
        f"{figures.rejected:.1%}",
        f"{ours.promoted.value:.1%}",
        f"{ours.undecided:.1%}",
        f"{whole.value:.1%} ({whole.low:.1%}-{whole.high:.1%})" if whole else "",
        _labels(ours.labels_to_stop),
        _labels(ours.labels_to_promote),
        *(
            f"{rule.stopped.value:.0%} {_labels(rule.labels_to_stop)}"
            for rule in (figures.rules[name] for name in _RIVALS)
        ),
    ]


def _labels(median: float | None) -> str:
    return "-" if median is None else f"{median:,.0f}"


def _audits(audits: Sequence[AccuracyCell]) -> Table:
    table = Table(
        "audit share",
        "reviews a day",
        "low-confidence coin",
        "months covered",
        "interval +- points",
        "naive misses by points",
        title="Accuracy of an 85 % model: weighted, and of all reviewed products",
    )
    for each in audits:
        table.add_row(
            f"{each.audit_share:.1%}",
            f"{each.labels_a_day:,.0f} of {each.capacity_per_day:,.0f}",
            f"{each.low_confidence_probability:.2f}",
            f"{each.coverage:.1%}",
            f"{each.reach_points:.2f}",
            f"{each.naive_bias_points:.1f}",
        )
    return table
