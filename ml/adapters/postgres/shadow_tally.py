"""What the shadow log adds up to, for the guardrails: one statement, grouped by both answers."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select

from ml.adapters.postgres.checks import checked_text, checked_time
from ml.adapters.postgres.tables import shadow_scores
from ml.domain.comparisons import ClassTally, ShadowTally

_CANDIDATE, _BASELINE = shadow_scores.c.candidate_category, shadow_scores.c.baseline_category
_COUNTS = (
    "products",
    "candidate_only_failed",
    "baseline_only_failed",
    "candidate_only_unsure",
    "baseline_only_unsure",
    "candidate_timed",
    "candidate_slow",
    "baseline_timed",
    "baseline_slow",
)


def tally_query(
    experiment: str, *, confidence_threshold: float, slow_ms: float, as_of: datetime
) -> Select[Any]:
    """`_COUNTS` of each pair of answers; there are as many pairs as categories, squared."""
    columns = shadow_scores.c
    failed = (_CANDIDATE.is_(None), _BASELINE.is_(None))
    unsure = (
        columns.candidate_confidence < confidence_threshold,
        columns.baseline_confidence < confidence_threshold,
    )
    counts = (
        func.count(),
        *_only(*failed),
        *_only(*unsure),
        func.count(columns.candidate_ms),
        _of(columns.candidate_ms > slow_ms),
        func.count(columns.baseline_ms),
        _of(columns.baseline_ms > slow_ms),
    )
    return (
        select(
            _CANDIDATE,
            _BASELINE,
            *(count.label(name) for count, name in zip(counts, _COUNTS, strict=True)),
        )
        .where(
            columns.experiment == checked_text("experiment", experiment),
            columns.scored_at <= checked_time("as_of", as_of),
        )
        .group_by(_CANDIDATE, _BASELINE)
    )


def tally_of(rows: Iterable[Any]) -> ShadowTally:
    """The sum of the rows of `tally_query`."""
    pairs = list(rows)
    totals = {name: sum(getattr(row, name) for row in pairs) for name in _COUNTS}
    both: Counter[str] = Counter()
    candidate_only: Counter[str] = Counter()
    baseline_only: Counter[str] = Counter()
    for candidate, baseline, products, *_ in pairs:
        if candidate == baseline:
            both[candidate] += products
        else:
            candidate_only[candidate] += products
            baseline_only[baseline] += products
    named = {*both, *candidate_only, *baseline_only} - {None}
    classes = {
        name: ClassTally(both[name], candidate_only[name], baseline_only[name]) for name in named
    }
    return ShadowTally(**totals, classes=classes)


def _only(
    candidate: ColumnElement[bool], baseline: ColumnElement[bool]
) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Products of which this holds for the candidate alone, and for the baseline alone."""
    return _of(and_(candidate, ~baseline)), _of(and_(baseline, ~candidate))


def _of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)
