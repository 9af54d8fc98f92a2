"""Other rules that teams stop a challenger by, over many simulated months at once.

Here to be compared with: `make bench-rollout` counts how often each is wrong and how many labels it
takes. All look once a day. The tests by betting are as sound as the judge; what they lack is that
people label disagreements.
"""

from math import log

import numpy as np

from ml.rollout.evidence import NOT_WORSE, WORSE
from ml.rollout.judge import JudgePolicy
from ml.rollout.months import BoolArray, CohortCounts, FloatArray, IntArray, Verdicts, first_of
from ml.stats.sequential import BetPrior, log_e_value

_DAYS = 10  # looked at together: as many as stay in a processor's cache
_MONTHS = 500


def observed_drop(
    hits: IntArray,
    labels_per_day: int,
    *,
    baseline: float,
    max_drop: float,
    min_labels: int,
    window_days: int | None = None,
) -> Verdicts:
    """Stop once the candidate's observed accuracy is `max_drop` under a `baseline` of long ago.

    `hits` [M, D] are the right ones of each day's labels. The accuracy is that of the last
    `window_days` (None: of all days) with at least `min_labels`; who is not stopped is promoted.
    """
    span = window_days or hits.shape[1]
    total = hits.cumsum(axis=1)
    total[:, span:] -= total[:, :-span].copy()
    labels = np.minimum(np.arange(1, hits.shape[1] + 1), span) * labels_per_day
    stops = (total / labels < baseline - max_drop) & (labels >= min_labels)
    return _until_the_end(stops, labels_per_day)


def _until_the_end(stops: BoolArray, labels_per_day: int) -> Verdicts:
    promotes = np.zeros_like(stops)
    promotes[:, -1] = True
    return _daily(stops, promotes, labels_per_day)


def _daily(stops: BoolArray, promotes: BoolArray, labels_per_day: int) -> Verdicts:
    days = np.broadcast_to(np.arange(1, stops.shape[1] + 1), stops.shape)
    within = np.ones_like(stops)
    return first_of(stops, promotes, within, days * labels_per_day, days.astype(float))


def peeked_z_test(counts: CohortCounts, *, z: float, max_days: float) -> Verdicts:
    """Stop once a z-test of the judge's own labels says "worse" (1.96: at 5 %), looked at daily.

    The level holds for one look. Who is not stopped is promoted.
    """
    within = counts.days <= max_days
    wins, losses = (each.sum(axis=-1).cumsum(axis=1) for each in (counts.wins, counts.losses))
    labels = wins + losses + counts.ties.sum(axis=-1).cumsum(axis=1)
    following = np.concatenate([counts.days[:, 1:], np.full((len(within), 1), np.inf)], axis=1)
    evening = np.floor(counts.days) < np.floor(following)  # the day's last cohort
    stops = (losses - wins >= z * np.sqrt(np.maximum(wins + losses, 1))) & evening
    last = np.arange(within.shape[1]) == within.sum(axis=1, keepdims=True) - 1
    return first_of(stops, last, within, labels, counts.days)


def unpaired_bets(pairs: IntArray, labels_per_day: int, policy: JudgePolicy) -> Verdicts:
    """A test by betting on labels of either arm's own products.

    `pairs` [M, D, 3]: how often the candidate's i-th label was better than, as good as, or worse
    than the baseline's i-th; `labels_per_day` and the verdicts' `labels` are of each arm. The bets
    are small, as suits two labels that differ by chance most of the time.
    """
    return _bets(pairs, labels_per_day, policy, NOT_WORSE)


def paired_bets(outcomes: IntArray, labels_per_day: int, policy: JudgePolicy) -> Verdicts:
    """A test by betting on labels of random products that both models answered, [M, D, 3]."""
    return _bets(outcomes, labels_per_day, policy, WORSE)


def _bets(
    outcomes: IntArray, labels_per_day: int, policy: JudgePolicy, worse: BetPrior
) -> Verdicts:
    values = np.array([1.0, 0.0, -1.0])
    margin = policy.labelled_margin
    stops = _rejected(-values, outcomes, worse, policy.false_stop_rate)
    risen = (values + margin) / (1.0 + margin)
    promotes = _rejected(risen, outcomes, NOT_WORSE, policy.false_promotion_rate)
    return _daily(stops, promotes, labels_per_day)


def _rejected(values: FloatArray, counts: IntArray, prior: BetPrior, alpha: float) -> BoolArray:
    """Days on which the test rejects, up to the first such day of each month, [M, D]."""
    rejected = np.zeros(counts.shape[:2], dtype=bool)
    total = counts.cumsum(axis=1)
    for month in range(0, len(counts), _MONTHS):
        for day in range(0, counts.shape[1], _DAYS):
            months = month + np.flatnonzero(~rejected[month : month + _MONTHS].any(axis=1))
            days = slice(day, day + _DAYS)
            log_e = log_e_value(values, total[months, days].astype(float), prior)
            rejected[months, days] = log_e >= log(1.0 / alpha)
    return rejected
