"""Policies of the rollout's decisions, as the settings name them."""

from ml.rollout.cohorts import CohortPolicy
from ml.rollout.guardrails import GuardrailPolicy
from ml.rollout.judge import JudgePolicy
from ml.rollout.observed import ObservedPolicy
from ml.wiring.config import Settings

GUARDRAILS = 4
COMPARISONS = 2  # a rollout is a trial and a watch; what is promised is of both


def trial_policy(settings: Settings) -> JudgePolicy:
    """How a challenger on trial is judged."""
    return _policy(settings, settings.judge_false_stop_rate, settings.judge_max_days)


def watch_policy(settings: Settings) -> JudgePolicy:
    """How a champion is judged after its promotion."""
    return _policy(settings, settings.watch_false_stop_rate, settings.watch_days)


def _policy(settings: Settings, false_stop_rate: float, max_days: float) -> JudgePolicy:
    return JudgePolicy(
        false_stop_rate=false_stop_rate,
        false_promotion_rate=settings.judge_false_promotion_rate,
        margin=settings.judge_margin,
        label_error=settings.judge_label_error,
        max_accuracy_drop=settings.judge_max_accuracy_drop,
        max_days=max_days,
    )


def observed_policy(settings: Settings) -> ObservedPolicy:
    """The rule of observed accuracy, for those who are bound to it."""
    return ObservedPolicy(
        min_labels=settings.judge_min_labels,
        max_accuracy_drop=settings.judge_max_accuracy_drop,
        max_days=settings.judge_max_days,
    )


def guardrail_policy(settings: Settings) -> GuardrailPolicy:
    """Limits beside accuracy; the guardrails of trial and watch share their budget evenly."""
    return GuardrailPolicy(
        alpha=settings.guardrail_false_stop_rate / (GUARDRAILS * COMPARISONS),
        max_failure_rise=settings.guardrail_max_failure_rise,
        max_unsure_rise=settings.guardrail_max_unsure_rise,
        min_class_share=settings.guardrail_min_class_share,
        max_p95_ms=settings.guardrail_max_p95_ms,
    )


def cohort_policy(settings: Settings) -> CohortPolicy:
    """When labels are judged."""
    return CohortPolicy(
        draws=settings.cohort_draws,
        hours=settings.cohort_hours,
        complete=settings.cohort_complete,
        wait_days=settings.cohort_wait_days,
    )
