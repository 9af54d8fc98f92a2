"""One cell of `make bench-rollout`: simulate its months and count what each rule decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from benchmarks.cells import Cell
from ml.demo.rules import REGAIN, judge_by_every_rule
from ml.rollout.judge import JudgePolicy
from ml.rollout.months import Judged, Verdicts, judge_months
from ml.simulation.months import Conditions, Design, simulate_months
from ml.tasks.policies import trial_policy, watch_policy
from ml.wiring.config import Settings

BoolArray = NDArray[np.bool_]

_BATCH = 500  # months at once: some 200 MB


@dataclass(frozen=True)
class Share:
    """A share of months with its 95 % interval (Clopper and Pearson, Biometrika 1934)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RuleFigures:
    """What one rule made of a cell's months.

    Shares are of decisions within the days of a trial. `labels_to_stop` is the median over all
    months; None: fewer than half of them are stopped at all.
    """

    stopped: Share
    promoted: Share
    undecided: float
    labels_to_stop: float | None
    labels_to_promote: float | None
    days_to_stop: float | None


@dataclass(frozen=True)
class CellFigures:
    """A cell's figures; of regain also how its stops divide, and what a watch adds.

    `whole` are stops of a trial, or of the watch after its promotion; None where the candidate is
    not equal to the baseline. Without `rules` the cell is impossible.
    """

    cell: Cell
    months: int
    rules: Mapping[str, RuleFigures]
    rollback: float = 0.0
    rejected: float = 0.0
    whole: Share | None = None


def share_of(hits: BoolArray) -> Share:
    """The share of True with its interval."""
    count, of = int(hits.sum()), len(hits)
    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
    return Share(count / of, low, high)


def run_cell(cell: Cell, *, months: int, seed: int, settings: Settings) -> CellFigures:
    """Simulate a cell; equal cells and seeds give equal figures, in whatever order."""
    if not cell.conditions.possible:
        return CellFigures(cell, 0, {})
    rng = np.random.default_rng([seed, crc32(cell.name.encode())])
    sizes = [min(_BATCH, months - start) for start in range(0, months, _BATCH)]
    batches = [_run_batch(rng, size, cell, settings) for size in sizes]
    trials = {name: joined([batch[0][name] for batch in batches]) for name in batches[0][0]}
    far = np.concatenate([batch[1] for batch in batches])
    whole = np.concatenate([batch[2] for batch in batches])
    stopped = trials[REGAIN].stopped
    days = trial_design(settings).days
    return CellFigures(
        cell,
        months,
        {name: _figures(each, days) for name, each in trials.items()},
        rollback=float((stopped & far).mean()),
        rejected=float((stopped & ~far).mean()),
        whole=share_of(whole) if cell.conditions.difference == 0.0 else None,
    )


def _run_batch(
    rng: np.random.Generator, months: int, cell: Cell, settings: Settings
) -> tuple[dict[str, Verdicts], BoolArray, BoolArray]:
    """Verdicts of each rule; whether regain's estimate is beyond the limit; stops by it at all."""
    policy, design = trial_policy(settings), trial_design(settings)
    verdicts = judge_by_every_rule(
        rng, months, cell.conditions, design, policy, unpaired_days=cell.unpaired_days
    )
    judged = verdicts[REGAIN]
    assert isinstance(judged, Judged)
    stopped = judged.stopped
    if cell.conditions.difference == 0.0:
        watched = _stopped_in_watch(rng, months, cell.conditions, design, settings)
        stopped = stopped | (judged.promoted & watched)
    return verdicts, -judged.difference >= policy.max_accuracy_drop, stopped


def joined(batches: Sequence[Verdicts]) -> Verdicts:
    """All months of several batches."""
    names = [field.name for field in fields(Verdicts)]
    return Verdicts(
        **{name: np.concatenate([getattr(each, name) for each in batches]) for name in names}
    )


def trial_design(settings: Settings) -> Design:
    """100,000 products and 100 labels of disagreements a day; the rest as the settings say."""
    return Design(
        days=round(settings.judge_max_days),
        draws=settings.cohort_draws,
        complete=settings.cohort_complete,
        wait_days=settings.cohort_wait_days,
    )


def _stopped_in_watch(
    rng: np.random.Generator,
    months: int,
    conditions: Conditions,
    design: Design,
    settings: Settings,
) -> BoolArray:
    """Whether the watch that follows a promotion would stop it, [M]; a fall comes in its middle."""
    days = round(settings.watch_days)
    products = round(design.products_per_day * settings.watch_share)
    watched = replace(design, days=days, products_per_day=products)
    if conditions.fall:
        conditions = replace(conditions, fall=replace(conditions.fall, day=days / 2.0))
    counts = simulate_months(rng, months, conditions, watched)
    probability = watched.label_probability(conditions.disagreement)
    policy: JudgePolicy = watch_policy(settings)
    return judge_months(counts, policy, probability=probability, watch=True).stopped


def _figures(verdicts: Verdicts, days: int) -> RuleFigures:
    soon = verdicts.days <= days
    stopped, promoted = verdicts.stopped & soon, verdicts.promoted & soon
    return RuleFigures(
        stopped=share_of(stopped),
        promoted=share_of(promoted),
        undecided=float((~stopped & ~promoted).mean()),
        labels_to_stop=_median(np.where(verdicts.stopped, verdicts.labels, np.inf)),
        labels_to_promote=_median(np.where(verdicts.promoted, verdicts.labels, np.inf)),
        days_to_stop=_median(np.where(verdicts.stopped, verdicts.days, np.inf)),
    )


def _median(values: NDArray[np.float64]) -> float | None:
    median = float(np.median(values))
    return median if np.isfinite(median) else None
