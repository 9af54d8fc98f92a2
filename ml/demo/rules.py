"""The judge and the rules it is compared with, side by side on simulated months."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ml.rollout.judge import JudgePolicy
from ml.rollout.months import Verdicts, judge_months
from ml.rollout.rivals import observed_drop, paired_bets, peeked_z_test, unpaired_bets
from ml.simulation.months import Conditions, Design, simulate_months
from ml.simulation.random_labels import simulate_hits, simulate_paired, simulate_unpaired

OBSERVED = "observed_drop"
OBSERVED_WEEK = "observed_drop_7_days"
PEEKED = "peeked_z_test"
UNPAIRED = "unpaired_bets"
RANDOM = "paired_bets_on_random_labels"
REGAIN = "regain"

RULES: Mapping[str, str] = {
    OBSERVED: "accuracy of all labels so far < the baseline's at its promotion - 2 points, daily; "
    "100 labels a day of the challenger, at least 200",
    OBSERVED_WEEK: "the same of the last 7 days",
    PEEKED: "z-test at 5 %, daily, of regain's labels",
    UNPAIRED: "test by betting on labels of each arm's own products: 1 % of the challenger's 5 % "
    "slice, 50 labels a day, and 50 of the champion's",
    RANDOM: "test by betting on labels of random products that both models answered, 100 a day",
    REGAIN: "test by betting on labels of disagreements, 100 a day, after every cohort of 10",
}
"""What each rule is."""

STOPPING = (OBSERVED, OBSERVED_WEEK, PEEKED)
"""Those that only stop: whoever is left at the end is promoted."""

_MIN_LABELS = 200
_WEEK = 7
_Z = 1.96
_SLICE_LABELS = 50


def judge_by_every_rule(
    rng: np.random.Generator,
    months: int,
    conditions: Conditions,
    design: Design,
    policy: JudgePolicy,
    *,
    unpaired_days: int | None = None,
) -> dict[str, Verdicts]:
    """Each rule's verdicts, by its name in RULES, on `months` months of `design.days` days.

    The unpaired test may go on for `unpaired_days`: it takes so long. The others get every label
    at once; the judge's may be late (`conditions.hardness`).
    """
    counts = simulate_months(rng, months, conditions, design)
    probability = design.label_probability(conditions.disagreement)
    labels = int(design.labels_per_day)
    days, slow = design.days, unpaired_days or design.days
    hits = simulate_hits(rng, months, conditions, days=days, labels_per_day=labels)
    same = simulate_paired(rng, months, conditions, days=days, labels_per_day=labels)
    apart = simulate_unpaired(rng, months, conditions, days=slow, labels_per_day=_SLICE_LABELS)
    frozen = float(conditions.observed_accuracy(np.array(conditions.accuracy)))
    drop = policy.max_accuracy_drop
    return {
        OBSERVED: observed_drop(
            hits, labels, baseline=frozen, max_drop=drop, min_labels=_MIN_LABELS
        ),
        OBSERVED_WEEK: observed_drop(
            hits,
            labels,
            baseline=frozen,
            max_drop=drop,
            min_labels=_MIN_LABELS,
            window_days=_WEEK,
        ),
        PEEKED: peeked_z_test(counts, z=_Z, max_days=design.days),
        UNPAIRED: unpaired_bets(apart, _SLICE_LABELS, policy),
        RANDOM: paired_bets(same, labels, policy),
        REGAIN: judge_months(
            counts, replace(policy, max_days=design.days), probability=probability
        ),
    }
