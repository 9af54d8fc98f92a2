"""Cohorts: consecutive scored products, judged once the labels of their disagreements are in.

Labels come late, those of hard products later. Whoever judged them as they come would judge the
easy ones first; so they are consumed in the order in which products were drawn, a cohort at a time.
A cohort ends with its `draws`th drawn disagreement, or after `hours` without so many. It is closed
when enough of its labels are in, or when they were waited for long enough, and is then never looked
at again: what comes later changes no decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ml.domain.comparisons import Cohort, Stratum
from ml.domain.labels import settled_category
from ml.domain.ports import ShadowLog

HARDNESS = (0.5, 0.8)
"""Strata of how hard a product is: both models' mean confidence under, between and over these."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CohortPolicy:
    """How cohorts begin and end.

    `complete` is the share of drawn products whose labels suffice to close; the others are waited
    for up to `wait_days` after the last product was drawn.
    """

    draws: int
    hours: float
    complete: float
    wait_days: float


def next_cohort(
    log: ShadowLog,
    experiment: str,
    before: Cohort | None,
    policy: CohortPolicy,
    *,
    as_of: datetime,
) -> Cohort | None:
    """The cohort after `before` (None: the first), closed; None while it is open or waits."""
    after = before.last_position if before else 0
    drawn = log.drawn(experiment, after=after, as_of=as_of).to_pylist()
    last = _end(log, experiment, after, drawn, policy, as_of)
    if last is None:
        return None
    members = [row for row in drawn if row["position"] <= last]
    settled = [_settled(row) for row in members]
    if not _is_over(members, settled, policy, as_of):
        return None
    products, disagreements = log.counts(experiment, after=after, until=last)
    return Cohort(
        experiment=experiment,
        number=before.number + 1 if before else 1,
        last_position=last,
        closed_at=as_of,
        products=products,
        disagreements=disagreements,
        strata=strata_of(members, settled),
        label_ids=tuple(label["label_id"] for row in members for label in row["labels"]),
    )


def _end(
    log: ShadowLog,
    experiment: str,
    after: int,
    drawn: Sequence[Row],
    policy: CohortPolicy,
    as_of: datetime,
) -> int | None:
    """Where the cohort ends, the same however often one looks; None while it may still grow."""
    opened = log.opened(experiment, after=after)
    if opened is None:
        return None
    full: int | None = drawn[policy.draws - 1]["position"] if len(drawn) >= policy.draws else None
    if as_of < opened + timedelta(hours=policy.hours):
        return full
    reach = log.reach(experiment, after=after, hours=policy.hours)
    return full if reach is None else min(full or reach, reach)


def _settled(row: Row) -> str | None:
    votes = [(label["reviewer"], label["category"]) for label in row["labels"]]
    return settled_category(votes, reviews=row["reviews"])


def _is_over(
    members: Sequence[Row], settled: Sequence[str | None], policy: CohortPolicy, as_of: datetime
) -> bool:
    known = sum(category is not None for category in settled)
    if known >= policy.complete * len(members):
        return True
    drawn_at: datetime = max(row["scored_at"] for row in members)
    return as_of >= drawn_at + timedelta(days=policy.wait_days)


def strata_of(members: Sequence[Row], settled: Sequence[str | None]) -> tuple[Stratum, ...]:
    """Drawn disagreements (columns of DRAWN_SCHEMA) by hardness, and what people settled on."""
    counts = [[0, 0, 0, 0] for _ in range(len(HARDNESS) + 1)]
    for row, category in zip(members, settled, strict=True):
        counts[_hardness(row)][0] += 1
        if category is not None:
            won = category == row["candidate_category"]
            lost = category == row["baseline_category"]
            counts[_hardness(row)][1 if won else 3 if lost else 2] += 1
    return tuple(Stratum(*each) for each in counts)


def _hardness(row: Row) -> int:
    mean = (row["candidate_confidence"] + row["baseline_confidence"]) / 2.0
    return sum(mean >= bound for bound in HARDNESS)
