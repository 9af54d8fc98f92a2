"""The figures that `make bench-rollout` is run for, what each means, and which promises hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.accuracy import AccuracyCell
from benchmarks.cells import FALLING, GRID, LATE_LABELS
from benchmarks.trial import CellFigures, RuleFigures
from ml.demo.rules import OBSERVED, PEEKED, REGAIN, UNPAIRED
from ml.wiring.config import Settings

MONTHS_A_YEAR = 12
MAX_FALSE_STOPS = 0.05

DEFINITIONS: Mapping[str, str] = {
    "false_rollback_max": "largest upper end (95 % Clopper-Pearson) over all cells of equal models "
    "(grid, errors that name the rival, late labels, falling together) of the share of rollouts "
    "that regain stops on accuracy, in the trial or in the watch after its promotion, plus the "
    "guardrails' whole error budget",
    "false_rollback_max_naive": "largest share, over the same cells, of months that the rule "
    "'observed accuracy < baseline - 2 points' (all labels so far, looked at daily) stops",
    "false_rollback_naive_equal": "the same over the grid's cells alone, where nothing happens",
    "false_rollback_max_peeked": "largest share, over the same cells, that the peeked z-test stops",
    "false_stop_accuracy_max": "false_rollback_max without the guardrails' budget, measured alone",
    "false_promotion_max": "largest upper end over all cells of a challenger 1 point worse of the "
    "share that regain promotes",
    "promoted_equal": "share of equal challengers promoted within 30 days (10 % disagreement, "
    "both wrong in 0.2 of it, no reviewer error: the cell of median_labels_drop2)",
    "promoted_equal_min": "smallest such share over the grid's cells with 10 % disagreement, "
    "however often both are wrong and reviewers err",
    "promoted_equal_late": "share of equal challengers promoted within 30 days where labels are "
    "late and missing (10 % disagreement), smallest over the reviewer errors",
    "promoted_plus2": "smallest share of challengers 2 points better promoted within 30 days, over "
    "the grid's cells with 10 % disagreement",
    "median_labels_drop2": "median labels until regain stops a challenger 2 points worse "
    "(10 % disagreement, both wrong in 0.2 of it, no reviewer error)",
    "median_labels_drop5": "the same at 5 points",
    "median_labels_drop10": "the same at 10 points, both wrong in none of it: else impossible",
    "stopped_share_drop2": "share of the 2-point challengers stopped within 30 days",
    "ratio_to_unpaired": "labels per arm that the unpaired test takes (median, of up to 400 days) "
    "by those regain takes, same cell as median_labels_drop2",
    "weighted_coverage": "share of months in which the weighted accuracy's 95 % interval covers "
    "the truth: that of the audit share where it is farthest from 95 %",
    "weighted_coverage_min": "smallest coverage over the audit shares",
    "weighted_coverage_max": "largest coverage over the audit shares",
    "naive_bias_points": "points by which the accuracy of all reviewed products misses the truth, "
    "at the default audit share of 1 %",
    "naive_bias_points_min": "smallest such miss over the audit shares",
    "false_stops_a_year": "chance that at least one of 12 monthly rollouts of equal models is "
    "stopped on accuracy, at the measured mean share of the cells of equal models",
    "false_stops_a_year_bound": "the same bound by the error budget: 1 - (1 - 0.05) ** 12",
}

ASSUMPTIONS = (
    "the baseline is right in 85 % of the products; the rule of observed drop knows that exactly, "
    "as erring reviewers would have reported it",
    "a wrong label names each of the 26 other categories alike; in the cells 'errors name the "
    "rival' always the other model's answer",
    "the coin of disagreements is drawn with 100 / (100,000 * disagreement), so that the number of "
    "labels a day, and of products between two of them, is random",
    "late labels: 30 % of the disagreements are hard (both wrong in 0.2 more, the candidate loses "
    "0.2 more, 55 % ever labelled, after a median of 3 days), 40 % are as all (80 %, 2 days), 30 % "
    "easy (both wrong in 0.2 less, it wins 0.2 more, 95 %, 1 day); delays are log-normal; regain "
    "waits as its settings say, the other rules get every label at once",
    "falling together: on day 10 (of the watch: in its middle) both models lose 10 points, "
    "disagree half as often again, and are both wrong in 0.2 more of the disagreements",
    "the watch after a promotion scores 20,000 products a day, for 14 days",
    "accuracy: right in 62 % of the fifth of the products under the confidence threshold, 85 % of "
    "all; 10,000 reviews a day, the settings' share of 100,000 products",
)


@dataclass(frozen=True)
class Promise:
    """A line of what this benchmark must show."""

    text: str
    measured: str
    holds: bool


def summarise(
    cells: Sequence[CellFigures], audits: Sequence[AccuracyCell], settings: Settings
) -> dict[str, float | None]:
    """The figures of DEFINITIONS; None where nothing was measured."""
    return {
        **_errors(cells, settings),
        **_promotions(cells),
        **_labels(cells),
        **_accuracy(audits, settings),
    }


def _errors(cells: Sequence[CellFigures], settings: Settings) -> dict[str, float | None]:
    equal = [each for each in cells if each.whole]
    wholes = [each.whole for each in cells if each.whole]
    highest = max(share.high for share in wholes)
    mean = sum(share.value for share in wholes) / len(wholes)
    margin = [each for each in cells if each.rules and each.cell.conditions.difference == -0.01]
    calm = [each for each in equal if each.cell.family == GRID]
    return {
        "false_rollback_max": highest + settings.guardrail_false_stop_rate,
        "false_rollback_max_naive": _most(equal, lambda rules: rules[OBSERVED].stopped.value),
        "false_rollback_naive_equal": _most(calm, lambda rules: rules[OBSERVED].stopped.value),
        "false_rollback_max_peeked": _most(equal, lambda rules: rules[PEEKED].stopped.value),
        "false_stop_accuracy_max": highest,
        "false_promotion_max": _most(margin, lambda rules: rules[REGAIN].promoted.high),
        "false_stops_a_year": 1.0 - (1.0 - mean) ** MONTHS_A_YEAR,
        "false_stops_a_year_bound": 1.0 - (1.0 - MAX_FALSE_STOPS) ** MONTHS_A_YEAR,
    }


def _most(
    cells: Iterable[CellFigures], figure: Callable[[Mapping[str, RuleFigures]], float]
) -> float:
    return max(figure(each.rules) for each in cells)


def _promotions(cells: Sequence[CellFigures]) -> dict[str, float | None]:
    def least(difference: float, family: str = GRID) -> float | None:
        alike = _like(cells, family, difference)
        return min((each.rules[REGAIN].promoted.value for each in alike), default=None)

    equal = _plain(cells, 0.0, 0.2)
    return {
        "promoted_equal": equal[REGAIN].promoted.value if equal else None,
        "promoted_equal_min": least(0.0),
        "promoted_equal_late": least(0.0, LATE_LABELS),
        "promoted_plus2": least(0.02),
    }


def _like(cells: Sequence[CellFigures], family: str, difference: float) -> list[CellFigures]:
    """Possible cells of a family with 10 % disagreement."""
    return [
        each
        for each in cells
        if each.rules
        and each.cell.family == family
        and each.cell.conditions.difference == difference
        and each.cell.conditions.disagreement == 0.10
    ]


def _labels(cells: Sequence[CellFigures]) -> dict[str, float | None]:
    drop2, drop5 = (_plain(cells, difference, 0.2) for difference in (-0.02, -0.05))
    drop10 = _plain(cells, -0.10, 0.0)
    ours, theirs = (drop2[rule].labels_to_stop if drop2 else None for rule in (REGAIN, UNPAIRED))
    return {
        "median_labels_drop2": ours,
        "median_labels_drop5": drop5[REGAIN].labels_to_stop if drop5 else None,
        "median_labels_drop10": drop10[REGAIN].labels_to_stop if drop10 else None,
        "stopped_share_drop2": drop2[REGAIN].stopped.value if drop2 else None,
        "ratio_to_unpaired": theirs / ours if ours and theirs else None,
    }


def _plain(
    cells: Sequence[CellFigures], difference: float, both_wrong: float
) -> Mapping[str, RuleFigures] | None:
    """The rules' figures in the cell of 10 % disagreement without reviewer error."""
    for each in _like(cells, GRID, difference):
        conditions = each.cell.conditions
        if conditions.both_wrong == both_wrong and conditions.reviewer_error == 0.0:
            return each.rules
    return None


def _accuracy(audits: Sequence[AccuracyCell], settings: Settings) -> dict[str, float | None]:
    coverages = [each.coverage for each in audits]
    usual = [each for each in audits if each.audit_share == settings.audit_share]
    return {
        "weighted_coverage": max(coverages, key=lambda coverage: abs(coverage - 0.95)),
        "weighted_coverage_min": min(coverages),
        "weighted_coverage_max": max(coverages),
        "naive_bias_points": usual[0].naive_bias_points if usual else None,
        "naive_bias_points_min": min(each.naive_bias_points for each in audits),
    }


def promises(summary: Mapping[str, float | None], cells: Sequence[CellFigures]) -> list[Promise]:
    """What was promised, with what was measured."""
    falling = [each.whole.high for each in cells if each.whole and each.cell.family == FALLING]
    rows: list[tuple[str, str, Callable[[float], bool], str]] = [
        ("false stops of a whole rollout <= 5 %", "false_rollback_max", lambda x: x <= 0.05, ".2%"),
        ("promoted at the margin <= 5 %", "false_promotion_max", lambda x: x <= 0.05, ".2%"),
        ("an equal one promoted >= 90 %", "promoted_equal", lambda x: x >= 0.9, ".1%"),
        ("... however often both are wrong", "promoted_equal_min", lambda x: x >= 0.9, ".1%"),
        ("one 2 points better promoted >= 90 %", "promoted_plus2", lambda x: x >= 0.9, ".1%"),
        ("2 points worse: <= 200 labels", "median_labels_drop2", lambda x: x <= 200, ".0f"),
        ("2 points worse: stopped >= 99 %", "stopped_share_drop2", lambda x: x >= 0.99, ".2%"),
        (">= 20 times fewer than unpaired", "ratio_to_unpaired", lambda x: x >= 20, ".1f"),
        ("5 points worse: <= 40 labels", "median_labels_drop5", lambda x: x <= 40, ".0f"),
        ("10 points worse: <= 25 labels", "median_labels_drop10", lambda x: x <= 25, ".0f"),
        ("weighted covers 93-97 %", "weighted_coverage", lambda x: 0.93 <= x <= 0.97, ".1%"),
        ("naive misses by > 10 points", "naive_bias_points", lambda x: x > 10, ".1f"),
        ("... whatever the audit share", "naive_bias_points_min", lambda x: x > 10, ".1f"),
    ]
    lines = []
    for text, key, test, shown in rows:
        value = summary[key]
        measured = "not measured" if value is None else f"{key} = {value:{shown}}"
        lines.append(Promise(text, measured, value is not None and test(value)))
    together = max(falling)
    lines.insert(
        1,
        Promise(
            "both falling together: no more accuracy stops than that",
            f"largest upper end {together:.2%}",
            together <= MAX_FALSE_STOPS,
        ),
    )
    return lines
