"""The settings of a small, fast loop."""

import pytest

from ml.demo.options import DemoOptions, demo_settings, shown_settings
from ml.wiring.config import Settings


def test_windows_and_labels_follow_the_stretch() -> None:
    small, large = (
        demo_settings(Settings(), DemoOptions(stretch=stretch), products_per_day=50.0)
        for stretch in (100, 500)
    )
    for name in ("drift_window_products", "drift_reference_products", "judge_min_labels"):
        assert getattr(large, name) == 5 * getattr(small, name)
    assert small.replay


def test_people_are_asked_about_the_share_of_products_that_the_user_wants() -> None:
    settings = demo_settings(Settings(), DemoOptions(label_share=0.4), products_per_day=50.0)
    assert settings.review_capacity_per_day / settings.products_per_day == pytest.approx(0.4)
    assert 0 < settings.audit_share < 0.4


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_CHALLENGER_SHARE", "0.07")
    monkeypatch.setenv("REGAIN_JUDGE_MIN_LABELS", "200")  # the default, and meant
    settings = demo_settings(Settings(), DemoOptions(), products_per_day=50.0)
    assert (settings.challenger_share, settings.judge_min_labels) == (0.07, 200)
    assert shown_settings(settings)["challenger_share"] == 0.07
