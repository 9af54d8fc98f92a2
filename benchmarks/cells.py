"""The cells of `make bench-rollout`: what the two models and their reviewers are like in each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ml.simulation.months import LATE, Conditions, Fall

DIFFERENCES = (0.0, 0.02, -0.01, -0.02, -0.03, -0.05, -0.10)
DISAGREEMENTS = (0.06, 0.10, 0.20, 0.30)
BOTH_WRONG = (0.0, 0.2, 0.4)
REVIEWER_ERRORS = (0.0, 0.05, 0.10, 0.15)
LONG_DAYS = 400  # until the unpaired test has come to an end, too

GRID, MISTAKEN, LATE_LABELS, FALLING = "grid", "errors name the rival", "late labels", "falling"


@dataclass(frozen=True)
class Cell:
    """One cell; `unpaired_days` is how long the unpaired test may go on."""

    family: str
    conditions: Conditions
    unpaired_days: int = 30

    @property
    def name(self) -> str:
        """As the report shows it."""
        each = self.conditions
        return (
            f"{self.family}: {each.difference * 100:+.0f} points, "
            f"{each.disagreement:.0%} disagree, both wrong {each.both_wrong:.1f}, "
            f"reviewers err {each.reviewer_error:.0%}"
        )


def all_cells() -> list[Cell]:
    """Every cell, the impossible ones included."""
    return [*_grid(), *_mistaken(), *_late(), *_falling()]


def _grid() -> Iterator[Cell]:
    every = product(DIFFERENCES, DISAGREEMENTS, BOTH_WRONG, REVIEWER_ERRORS)
    for difference, disagreement, both_wrong, error in every:
        conditions = Conditions(
            difference=difference,
            disagreement=disagreement,
            both_wrong=both_wrong,
            reviewer_error=error,
        )
        plain = disagreement == 0.10 and both_wrong == 0.2 and error == 0.0
        long = plain and difference <= -0.02
        yield Cell(GRID, conditions, LONG_DAYS if long else 30)


def _mistaken() -> Iterator[Cell]:
    """Every wrong label names the other model's answer: the worst that reviewers can do."""
    for difference, disagreement in product(DIFFERENCES, DISAGREEMENTS):
        yield Cell(
            MISTAKEN,
            Conditions(
                difference=difference,
                disagreement=disagreement,
                both_wrong=0.2,
                reviewer_error=0.15,
                mistaken_for_rival=1.0,
            ),
        )


def _late() -> Iterator[Cell]:
    """Labels take days, and those of hard products often never come."""
    for difference, disagreement, error in product(DIFFERENCES, (0.10, 0.20), (0.0, 0.15)):
        yield Cell(
            LATE_LABELS,
            Conditions(
                difference=difference,
                disagreement=disagreement,
                both_wrong=0.2,
                reviewer_error=error,
                hardness=LATE,
            ),
        )


def _falling() -> Iterator[Cell]:
    """On day 10 both models lose 10 points, disagree half as often again, and err together more."""
    every = product((0.0, -0.02), DISAGREEMENTS, BOTH_WRONG, (0.0, 0.15))
    for difference, disagreement, both_wrong, error in every:
        if difference and both_wrong != 0.2:
            continue
        fall = Fall(
            day=10, points=0.10, disagreement=1.5 * disagreement, both_wrong=both_wrong + 0.2
        )
        yield Cell(
            FALLING,
            Conditions(
                difference=difference,
                disagreement=disagreement,
                both_wrong=both_wrong,
                reviewer_error=error,
                fall=fall,
            ),
        )
