"""What was compared: each trial and watch with what people found, and when it could have ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ml.demo.backstage import Backstage
from ml.demo.written import scored_products
from ml.domain.comparisons import Cohort
from ml.domain.decisions import LedgerEntry
from ml.domain.rollouts import Comparison, ComparisonKind, Rollout
from ml.rollout.decisions import Promote, Stop
from ml.rollout.evidence import estimate_of, evidence_of
from ml.rollout.judge import JudgePolicy, judge
from ml.tasks.policies import trial_policy, watch_policy
from ml.wiring.config import Settings


@dataclass(frozen=True)
class ComparisonReport:
    """A trial or watch of `version` against `rival`.

    Both scored `products`, `disagreements` of them differently. Of the closed `cohorts` the others
    speak: `drawn` disagreements were put before people with `label_probability`, `labels` were
    settled on, and `difference` is the version's accuracy minus the rival's over all products, with
    its confidence sequence. `verdict` is the judge's last word (None: there was none), and after
    `labels_to_decide` a look would have been enough (None: the watch, or the trial, never got
    there).
    """

    experiment: str
    kind: str
    version: int
    rival: int
    verdict: str | None
    products: int
    disagreements: int
    label_probability: float
    cohorts: int
    drawn: int
    labels: int
    wins: int
    ties: int
    losses: int
    difference: float
    difference_low: float
    difference_high: float
    labels_to_decide: int | None


def compared(history: Sequence[LedgerEntry]) -> list[Comparison]:
    """The trials and watches that the ledger's entries began, in order."""
    found: dict[str, Comparison] = {}
    rollout = Rollout()
    for entry in history:
        rollout = rollout.after(entry)
        if rollout.comparison is not None:
            found.setdefault(rollout.comparison.experiment, rollout.comparison)
    return list(found.values())


def policy_of(comparison: Comparison, settings: Settings) -> JudgePolicy:
    """By which the judge decides it."""
    watched = comparison.kind is ComparisonKind.WATCH
    return watch_policy(settings) if watched else trial_policy(settings)


def comparison_reports(
    backstage: Backstage, history: Sequence[LedgerEntry]
) -> Iterator[ComparisonReport]:
    """A report of every comparison that scored a product."""
    for comparison in compared(history):
        experiment = comparison.experiment
        products, disagreements = scored_products(backstage, experiment)
        if products:
            cohorts = backstage.patiently(partial(backstage.services.shadows.cohorts, experiment))
            yield _report(
                comparison,
                cohorts,
                policy_of(comparison, backstage.settings),
                products=products,
                disagreements=disagreements,
                verdict=_verdict(history, experiment),
            )


def _report(
    comparison: Comparison,
    cohorts: Sequence[Cohort],
    policy: JudgePolicy,
    *,
    products: int,
    disagreements: int,
    verdict: str | None,
) -> ComparisonReport:
    estimate = estimate_of(cohorts)
    evidence = evidence_of(cohorts, probability=comparison.label_probability)
    low, high = evidence.bounds(alpha=2.0 * policy.false_stop_rate)
    return ComparisonReport(
        experiment=comparison.experiment,
        kind=comparison.kind.value,
        version=comparison.candidate.model_version,
        rival=comparison.baseline.model_version,
        verdict=verdict,
        products=products,
        disagreements=disagreements,
        label_probability=comparison.label_probability,
        cohorts=len(cohorts),
        drawn=estimate.drawn,
        labels=estimate.labels,
        wins=estimate.wins,
        ties=estimate.ties,
        losses=estimate.losses,
        difference=estimate.difference,
        difference_low=low,
        difference_high=high,
        labels_to_decide=labels_to_decide(comparison, cohorts, policy),
    )


def labels_to_decide(
    comparison: Comparison, cohorts: Sequence[Cohort], policy: JudgePolicy
) -> int | None:
    """Labels in the cohorts after which the judge would first have decided, looking at each."""
    for end in range(1, len(cohorts) + 1):
        decision = judge(
            cohorts[:end],
            (),
            policy,
            kind=comparison.kind,
            label_probability=comparison.label_probability,
            days=0.0,
        )
        if isinstance(decision, Promote | Stop):
            return int(decision.numbers["labels"])
    return None


def _verdict(history: Sequence[LedgerEntry], experiment: str) -> str | None:
    words = [
        str(entry.change.evidence["verdict"])
        for entry in history
        if entry.change.evidence.get("experiment") == experiment
        and "verdict" in entry.change.evidence
    ]
    return words[-1] if words else None
