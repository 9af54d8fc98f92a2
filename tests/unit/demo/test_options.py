"""The settings of a small, fast loop."""

from dataclasses import replace

import pytest

from ml.demo.options import DemoOptions, demo_settings, shown_settings
from ml.domain.decisions import LedgerAction
from ml.tasks.policies import guardrail_policy, trial_policy
from ml.tasks.rollout import shadow_terms
from ml.wiring.config import Settings


def test_windows_and_labels_follow_the_stretch() -> None:
    small, large = (
        demo_settings(Settings(), DemoOptions(stretch=stretch), products_per_day=50.0)
        for stretch in (100, 500)
    )
    for name in ("drift_window_products", "drift_reference_products", "watch_days"):
        assert getattr(large, name) == 5 * getattr(small, name)
    assert small.replay


def test_people_are_asked_about_the_share_of_products_that_the_user_wants() -> None:
    settings = demo_settings(Settings(), DemoOptions(label_share=0.4), products_per_day=50.0)
    assert settings.review_capacity_per_day / settings.products_per_day == pytest.approx(0.4)
    assert 0 < settings.audit_share < 0.4
    disagreements = settings.disagreement_capacity_per_day / settings.review_capacity_per_day
    assert 0 < disagreements < 1


def test_what_the_judge_allows_itself_is_no_matter_of_the_demo() -> None:
    settings = demo_settings(Settings(), DemoOptions(), products_per_day=50.0)
    assert trial_policy(settings) == replace(trial_policy(Settings()), max_days=3_650.0)
    assert guardrail_policy(settings) == guardrail_policy(Settings())


def test_a_trial_puts_some_hundred_disagreements_before_people_in_a_stretch() -> None:
    options = DemoOptions()
    settings = demo_settings(Settings(), options, products_per_day=50.0)
    terms = shadow_terms(settings, LedgerAction.CHALLENGE, {"disagreement": 0.2})
    drawn = options.stretch * terms["shadow_share"] * 0.2 * terms["label_probability"]
    assert 50 <= drawn <= 120
    assert terms["label_probability"] < 1


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_CHALLENGER_SHARE", "0.07")
    monkeypatch.setenv("REGAIN_COHORT_COMPLETE", "0.9")  # the default, and meant
    settings = demo_settings(Settings(), DemoOptions(), products_per_day=50.0)
    assert (settings.challenger_share, settings.cohort_complete) == (0.07, 0.9)
    assert shown_settings(settings)["challenger_share"] == 0.07
