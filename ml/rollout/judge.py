"""The judge: whether a candidate is promoted, stays, or goes, by what people said of disagreements.

Both models scored the same products in the same weeks, so drift that pulls both down accuses
neither, and nothing is compared with what a champion was worth when it was promoted. The evidence
may be looked at after every cohort: whatever is decided, and whenever, the chance of stopping a
candidate that is no worse stays under `false_stop_rate`, and that of promoting one that is worse by
`margin` or more under `false_promotion_rate`.

Reviewers err, and wrong labels pull every difference towards 0. They leave the sign as it is, so a
stop needs no allowance; a margin does, and it shrinks by what a team that errs in `label_error` of
its labels can hide: a factor of 1 - 2 * label_error, when all of them fall on the other model's
answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from ml.domain.comparisons import Cohort
from ml.domain.rollouts import ComparisonKind
from ml.rollout.decisions import Confirm, Continue, Decision, Expire, Ground, Promote, Stop
from ml.rollout.evidence import Estimate, Evidence, estimate_of, evidence_of
from ml.rollout.guardrails import Breach

_DIGITS = 9  # two points are two points, whatever the rounding of floats makes of them


@dataclass(frozen=True, kw_only=True)
class JudgePolicy:
    """What may go wrong how often, and what a challenger may cost.

    `margin`: promoted is who is shown to be less than this worse (0: who is shown to be better).
    `max_accuracy_drop`: from here on a stop is a rollback. Both absolute, as accuracy. `max_days`
    end a trial that shows nothing, or a watch.
    """

    false_stop_rate: float
    false_promotion_rate: float
    margin: float
    label_error: float
    max_accuracy_drop: float
    max_days: float

    @property
    def labelled_margin(self) -> float:
        """The margin as labels show it."""
        return self.margin * (1.0 - 2.0 * self.label_error)


def judge(
    cohorts: Sequence[Cohort],
    breaches: Sequence[Breach],
    policy: JudgePolicy,
    *,
    kind: ComparisonKind,
    label_probability: float,
    days: float,
) -> Decision:
    """Decide a comparison by its closed cohorts and breached guardrails, `days` after it began."""
    evidence = evidence_of(cohorts, probability=label_probability)
    estimate = estimate_of(cohorts)
    numbers = _numbers(estimate, evidence, policy)
    if breaches:
        reason = "; ".join(breach.reason for breach in breaches)
        broken = {name: value for breach in breaches for name, value in breach.numbers.items()}
        return Stop(reason, numbers | broken, Ground.GUARDRAIL)
    seen = _seen(estimate, numbers)
    if numbers["log_e_worse"] >= log(1.0 / policy.false_stop_rate):
        return _stop(estimate, seen, numbers, policy)
    if kind is ComparisonKind.WATCH:
        return _watched(seen, numbers, policy, days)
    return _tried(seen, numbers, policy, days)


def _tried(seen: str, numbers: dict[str, float], policy: JudgePolicy, days: float) -> Decision:
    if numbers["log_e_not_worse"] >= log(1.0 / policy.false_promotion_rate):
        shown = f"less than {policy.margin:.1%} worse" if policy.margin else "better"
        return Promote(f"{seen}: it is {shown}", numbers)
    if days >= policy.max_days:
        reason = f"{seen}; {days:.0f} days did not tell more, and the champion stays"
        return Expire(reason, numbers | {"days": days, "max_days": policy.max_days})
    return Continue(f"{seen}: too little to tell", numbers)


def _stop(
    estimate: Estimate, seen: str, numbers: dict[str, float], policy: JudgePolicy
) -> Decision:
    limit = f"the limit of {policy.max_accuracy_drop:.1%}"
    if round(-estimate.difference, _DIGITS) >= policy.max_accuracy_drop:
        return Stop(f"{seen}: it is worse, by {limit} or more", numbers, Ground.ROLLBACK)
    return Stop(f"{seen}: it is worse, within {limit}", numbers, Ground.REJECTED)


def _watched(seen: str, numbers: dict[str, float], policy: JudgePolicy, days: float) -> Decision:
    if days < policy.max_days:
        return Continue(f"{seen}: the watch goes on", numbers)
    waited = {"days": days, "max_days": policy.max_days}
    return Confirm(f"{seen}; {days:.0f} days of watch are over", numbers | waited)


def _seen(estimate: Estimate, numbers: dict[str, float]) -> str:
    return (
        f"accuracy {estimate.difference:+.2%} against the baseline "
        f"({numbers['difference_low']:+.2%} to {numbers['difference_high']:+.2%}) "
        f"by {estimate.labels} labels: {estimate.wins} won, {estimate.losses} lost"
    )


def _numbers(estimate: Estimate, evidence: Evidence, policy: JudgePolicy) -> dict[str, float]:
    """What a decision was made on, flat.

    Either end of the confidence sequence errs at the rate of the decision that hangs on it: a stop
    has the upper one under 0, a promotion the lower one over the labelled margin.
    """
    low, _ = evidence.bounds(alpha=2.0 * policy.false_promotion_rate)
    _, high = evidence.bounds(alpha=2.0 * policy.false_stop_rate)
    return {
        "difference": estimate.difference,
        "difference_low": low,
        "difference_high": high,
        "difference_if_missing_lost": estimate.lowest,
        "difference_if_missing_won": estimate.highest,
        "disagreement": estimate.disagreement,
        "products": estimate.products,
        "drawn": estimate.drawn,
        "labels": estimate.labels,
        "wins": estimate.wins,
        "ties": estimate.ties,
        "losses": estimate.losses,
        "label_probability": evidence.probability,
        "log_e_worse": evidence.log_e_below(0.0),
        "log_e_not_worse": evidence.log_e_above(-policy.labelled_margin),
        "false_stop_rate": policy.false_stop_rate,
        "false_promotion_rate": policy.false_promotion_rate,
        "margin": policy.margin,
        "labelled_margin": policy.labelled_margin,
        "max_accuracy_drop": policy.max_accuracy_drop,
    }
