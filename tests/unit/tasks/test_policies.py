"""Policies from settings: each limit is where it belongs, and the error budget is not overspent."""

from dataclasses import fields

import pytest

from ml.tasks.policies import (
    COMPARISONS,
    GUARDRAILS,
    cohort_policy,
    guardrail_policy,
    observed_policy,
    trial_policy,
    watch_policy,
)
from ml.wiring.config import Settings

CHANGED = Settings(
    judge_false_stop_rate=0.03,
    watch_false_stop_rate=0.02,
    guardrail_false_stop_rate=0.08,
    judge_false_promotion_rate=0.04,
    judge_margin=0.005,
    judge_label_error=0.1,
    judge_max_accuracy_drop=0.03,
    judge_max_days=20,
    judge_min_labels=77,
    watch_days=9,
    cohort_draws=25,
    cohort_hours=6,
    cohort_complete=0.8,
    cohort_wait_days=3,
    guardrail_max_failure_rise=0.01,
    guardrail_max_unsure_rise=0.02,
    guardrail_min_class_share=0.3,
    guardrail_max_p95_ms=500,
)


@pytest.mark.parametrize("approved", [False, True])
def test_a_whole_rollout_of_an_equal_model_is_stopped_in_at_most_five_percent(approved):
    settings = Settings(promotion_approval=approved)
    accuracy = trial_policy(settings).false_stop_rate
    watch = watch_policy(settings).false_stop_rate
    guardrails = guardrail_policy(settings).alpha * GUARDRAILS * COMPARISONS
    assert accuracy == 0.025
    assert accuracy + watch + guardrails <= 0.05 + 1e-12


def test_trial_and_watch_have_their_own_budget_and_time_and_share_the_rest():
    trial, watch = trial_policy(CHANGED), watch_policy(CHANGED)
    assert (trial.false_stop_rate, trial.max_days) == (0.03, 20)
    assert (watch.false_stop_rate, watch.max_days) == (0.02, 9)
    for policy in (trial, watch):
        assert (policy.false_promotion_rate, policy.margin) == (0.04, 0.005)
        assert (policy.label_error, policy.max_accuracy_drop) == (0.1, 0.03)


def test_every_limit_reaches_the_policy_that_it_is_of():
    guardrails, cohorts = guardrail_policy(CHANGED), cohort_policy(CHANGED)
    assert guardrails.alpha == pytest.approx(0.01)
    assert (guardrails.max_failure_rise, guardrails.max_unsure_rise) == (0.01, 0.02)
    assert (guardrails.min_class_share, guardrails.max_p95_ms) == (0.3, 500)
    assert (cohorts.draws, cohorts.hours) == (25, 6)
    assert (cohorts.complete, cohorts.wait_days) == (0.8, 3)
    observed = observed_policy(CHANGED)
    assert (observed.min_labels, observed.max_accuracy_drop, observed.max_days) == (77, 0.03, 20)


@pytest.mark.parametrize(
    "policy_of", [trial_policy, watch_policy, guardrail_policy, cohort_policy, observed_policy]
)
def test_no_policy_ignores_its_settings(policy_of):
    ours, default = policy_of(CHANGED), policy_of(Settings())
    assert all(getattr(ours, f.name) != getattr(default, f.name) for f in fields(ours))
