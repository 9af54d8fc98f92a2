"""The rule most teams use: roll back when observed accuracy is 2 points under the champion's.

It compares what people said of either arm's own answers, once there are enough labels of each. With
hundreds of labels that is mostly noise, and looked at daily it stops good models as often as bad
ones (`make bench-rollout` shows how often). It is here for those who are bound to it: the setting
`judge_policy` = `observed_drop`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.domain.predictions import Arm
from ml.rollout.decisions import Continue, Decision, Expire, Ground, Promote, Stop
from ml.stats.proportion import WeightedShare, weighted_share

_DIGITS = 9  # two points are two points, whatever the rounding of floats makes of them


@dataclass(frozen=True, kw_only=True)
class ObservedPolicy:
    """What a decision needs, and what a challenger may cost.

    `min_labels` of each arm, within `max_days`; `max_accuracy_drop` under the champion, absolute.
    """

    min_labels: int
    max_accuracy_drop: float
    max_days: float


@dataclass(frozen=True)
class ArmFigures:
    """What reviewers found of one arm's answers: the share that was right, over all it answered."""

    accuracy: WeightedShare


def arm_figures(outcomes: pa.Table, arm: Arm) -> ArmFigures:
    """One arm's figures from a trial's OUTCOME_SCHEMA rows, in any order.

    A product that was answered and labelled several times counts once, as it was first answered.
    """
    ours = outcomes.filter(pc.equal(outcomes["arm"], arm.value))
    ours = ours.sort_by([("predicted_at", "ascending"), ("prediction_id", "ascending")])
    _, first = np.unique(ours["product_id"].to_pylist(), return_index=True)
    ours = ours.take(pa.array(first, pa.int64()))
    hits = pc.equal(ours["category"], ours["label"])
    chances = ours["inclusion_probability"]
    return ArmFigures(weighted_share(hits.to_numpy(), chances.to_numpy()))


def judge_observed(
    champion: ArmFigures, challenger: ArmFigures, policy: ObservedPolicy, *, days: float
) -> Decision:
    """Decide a trial by the accuracy that both arms showed in its `days` so far.

    One that gets too few labels must end some day, too: while it is on, nothing else is tried, and
    drift calls for no retraining.

    >>> def arm(accuracy): return ArmFigures(WeightedShare(accuracy, 0.01, 500, 500.0))
    >>> policy = ObservedPolicy(min_labels=200, max_accuracy_drop=0.02, max_days=30)
    >>> print(judge_observed(arm(0.90), arm(0.85), policy, days=8).reason)
    accuracy 0.8500 on 500 labels, 0.0500 under the champion's 0.9000 on 500 (allowed 0.0200)
    """
    ours, theirs = challenger.accuracy, champion.accuracy
    drop = round(theirs.value - ours.value, _DIGITS)
    numbers = _numbers(champion, challenger, policy)
    if min(ours.labels, theirs.labels) < policy.min_labels:
        reason = (
            f"{ours.labels} labels of the challenger and {theirs.labels} of the champion; "
            f"a decision needs {policy.min_labels} of each"
        )
        if days < policy.max_days:
            return Continue(reason, numbers)
        waited = {"days": days, "max_days": policy.max_days}
        return Expire(f"{reason}, and {days:.0f} days did not bring them", numbers | waited)
    seen = f"accuracy {ours.value:.4f} on {ours.labels} labels, {abs(drop):.4f}"
    rival = f"the champion's {theirs.value:.4f} on {theirs.labels}"
    allowed = f"(allowed {policy.max_accuracy_drop:.4f})"
    if drop > policy.max_accuracy_drop:
        return Stop(f"{seen} under {rival} {allowed}", numbers, Ground.ROLLBACK)
    if drop > 0:
        return Promote(f"{seen} under {rival} {allowed}", numbers)
    return Promote(f"{seen} over {rival}", numbers)


def _numbers(
    champion: ArmFigures, challenger: ArmFigures, policy: ObservedPolicy
) -> dict[str, float]:
    """What a decision was made on, flat; an arm without a label has no accuracy to show."""
    numbers: dict[str, float] = {
        "min_labels": policy.min_labels,
        "max_accuracy_drop": policy.max_accuracy_drop,
    }
    for arm, figures in ((Arm.CHAMPION, champion), (Arm.CHALLENGER, challenger)):
        share = figures.accuracy
        numbers[f"{arm.value}_labels"] = share.labels
        if share.labels:
            numbers[f"{arm.value}_accuracy"] = share.value
            numbers[f"{arm.value}_standard_error"] = share.standard_error
            numbers[f"{arm.value}_effective_labels"] = share.effective_labels
    if champion.accuracy.labels and challenger.accuracy.labels:
        numbers["accuracy_drop"] = champion.accuracy.value - challenger.accuracy.value
    return numbers
