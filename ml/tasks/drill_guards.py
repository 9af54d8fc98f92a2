"""The fire drill's guards: what gate and judge, as the settings have them, do with one model."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import sqrt
from statistics import median

import numpy as np

from ml.domain.comparisons import Cohort, ScoredAnswer
from ml.domain.rollouts import ComparisonKind
from ml.rollout.decisions import Continue, Decision, Stop
from ml.rollout.evidence import estimate_of
from ml.rollout.guardrails import breaches
from ml.rollout.judge import judge
from ml.rollout.observed import ArmFigures, judge_observed
from ml.rollout.recorded import LABEL_PROBABILITY, Recorded
from ml.stats.proportion import weighted_share
from ml.tasks.drill_matrix import Cell, held
from ml.tasks.drill_models import Answers, DrillGround
from ml.tasks.evaluate import gate_policy
from ml.tasks.policies import guardrail_policy, observed_policy, trial_policy
from ml.training.evaluate import Comparison, evaluate_prediction
from ml.training.evaluation import Evaluation
from ml.training.gate import admit
from ml.training.rows import class_indices, row_weights
from ml.wiring.config import Settings

MAX_LABELS = 500
"""Labels that the judge gets at most: five days of the default capacity."""
CLEARLY_WORSE = 5.0
"""By so many standard errors the labels must be against a model that answers wrongly; with fewer a
guard that lets it pass is not to blame. The judge needs three to four at its default error rates.
"""
OVERCONFIDENCE = 0.15
"""By so much the mean confidence must exceed the accuracy, likewise; the gate's default is 0.1."""


def cells_of(
    model: str, ground: DrillGround, champion: Answers, answers: Answers, *, at: datetime
) -> Iterator[Cell]:
    """What the gate and, without a word of it, the judge do with a model beside the champion."""
    settings = ground.services.settings
    comparison = Recorded(
        f"drill-{model}", answers.scored, champion.scored, ground.rows["category"].to_pylist()
    )
    cohorts = comparison.cohorts(draws=settings.cohort_draws, max_labels=MAX_LABELS, at=at)
    doubt = _doubt(model, ground, answers, cohorts)
    stopped, reason = _gate(ground, champion, answers)
    yield held(model, "gate", stopped=stopped, reason=reason, doubt=doubt)
    decision = _judge(comparison, cohorts, settings)
    stopped = isinstance(decision, Stop)
    yield held(model, "judge", stopped=stopped, reason=decision.reason, doubt=doubt)


def _gate(ground: DrillGround, champion: Answers, answers: Answers) -> tuple[bool, str]:
    decision = admit(
        _evaluation(ground, answers),
        _evaluation(ground, champion),
        gate_policy(ground.services.settings),
    )
    first, *others = decision.reasons or (decision.reason,)
    return not decision.admitted, first + (f" (and {len(others)} more)" if others else "")


def _evaluation(ground: DrillGround, answers: Answers) -> Evaluation:
    """As the task `evaluate` has it, at the time of the snapshot."""
    settings = ground.services.settings
    comparison = Comparison(
        label_space=ground.data.label_space,
        shared_classes=ground.champion.label_space.classes,
        as_of=ground.data.as_of,
        recent_days=settings.gate_recent_days,
        confidence_threshold=settings.confidence_threshold,
    )
    latency_ms = median(answers.milliseconds)
    return evaluate_prediction(answers.prediction, ground.rows, comparison, latency_ms=latency_ms)


def _judge(comparison: Recorded, cohorts: Sequence[Cohort], settings: Settings) -> Decision:
    """The decision that ends the trial, as the judge looks after every cohort; else the last."""
    if settings.judge_policy == "observed_drop":
        champion, candidate = (
            _figures(answers, comparison.categories)
            for answers in (comparison.baseline, comparison.candidate)
        )
        return judge_observed(champion, candidate, observed_policy(settings), days=0.0)
    guardrails = guardrail_policy(settings)
    for seen in range(1, len(cohorts) + 1):
        tally = comparison.tally(
            until=cohorts[seen - 1].last_position,
            confidence_threshold=settings.confidence_threshold,
            slow_ms=guardrails.max_p95_ms,
        )
        decision = judge(
            cohorts[:seen],
            breaches(tally, guardrails),
            trial_policy(settings),
            kind=ComparisonKind.TRIAL,
            label_probability=LABEL_PROBABILITY,
            days=0.0,
        )
        if not isinstance(decision, Continue):
            break
    return decision


def _figures(answers: Sequence[ScoredAnswer], categories: Sequence[str]) -> ArmFigures:
    hits = [answer.category == truth for answer, truth in zip(answers, categories, strict=True)]
    return ArmFigures(weighted_share(np.array(hits), np.ones(len(hits))))


def _doubt(
    model: str, ground: DrillGround, answers: Answers, cohorts: Sequence[Cohort]
) -> str | None:
    """Why the recorded products can't convict a model; None: they can."""
    if model in ("slow", "champion itself"):
        return None
    if model == "overconfident":
        return _too_right(ground, answers)
    seen = estimate_of(cohorts)
    errors = (seen.losses - seen.wins) / sqrt(max(seen.losses + seen.wins, 1))
    if errors >= CLEARLY_WORSE:
        return None
    return (
        f"not enough recorded products: {seen.wins} won and {seen.losses} lost, "
        f"{errors:.1f} of {CLEARLY_WORSE} standard errors"
    )


def _too_right(ground: DrillGround, answers: Answers) -> str | None:
    targets = class_indices(ground.rows, ground.champion.label_space)
    right = answers.prediction.probabilities.argmax(axis=1) == targets
    gap = float(np.average(answers.confidences - right, weights=row_weights(ground.rows)))
    if gap >= OVERCONFIDENCE:
        return None
    return f"it errs too rarely: confidence exceeds accuracy by {gap:.3f} of {OVERCONFIDENCE}"
