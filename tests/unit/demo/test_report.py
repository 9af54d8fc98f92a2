"""The report as machines and as people at a terminal read it."""

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ml.demo.options import DemoOptions, demo_settings
from ml.demo.report import DemoReport
from ml.demo.screen import show, show_settings
from ml.wiring.config import Settings
from tests.fakes.demo import made_report

MOST_LINES = 90


def shown(report: DemoReport) -> str:
    screen = io.StringIO()
    show(report, Path("/state/demo"), Console(file=screen, width=120), kept=False)
    return screen.getvalue()


def test_the_file_holds_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    made_report().write(path)
    stored = json.loads(path.read_text())
    assert stored["closed"] is True
    assert stored["accuracy"]["first_version_on_later_products"] == 0.651
    assert stored["lost"] == stored["doubled"] == {"predictions": 0, "labels": 0}
    assert stored["decisions"][-1]["decision"] == "rollback"
    assert set(stored["decisions"][0]) >= {"decision", "reason", "numbers", "at"}
    assert stored["alerts"][0]["at"] == "2026-04-04T00:00:00+00:00"
    assert stored["sabotage"]["seconds_until_unserved"] == 0.213
    assert [each["kind"] for each in stored["comparisons"]] == ["trial", "watch", "trial"]
    assert stored["needed"][0]["rules"]["regain"]["labels"] == 70
    assert stored["labels_say"]["weighted"] == 0.78
    assert stored["stretches"][6]["arms"]["challenger"]["version"] == 3
    assert stored.keys() >= {"seconds", "peak_rss_mb", "settings", "versions", "stage_seconds"}
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_the_screen_tells_the_story_in_short() -> None:
    text = shown(made_report())
    for part in (
        *("The loop closed", "86.3%", "79.4%", "+14.3 points", "alert: retrain"),
        *(
            "promote version 2",
            "(rollback) after 24 labels, 1 won and 17 lost",
            "watch, 2 v. 1",
            "74, enough after 50",
            "78.0% (75.1% to 80.6%)",
            "1700 stored, 3 dropped, 0 failed",
            "0.21 s later",
            "0 lost",
            "3456 MB",
            "report.html",
        ),
    ):
        assert part in text
    assert len(text.splitlines()) <= MOST_LINES


def test_a_sabotage_without_an_answer_after_its_end_is_told_so() -> None:
    report = made_report()
    assert report.sabotage is not None
    silent = replace(report.sabotage, answers_after_rollback=0)
    assert "it gave no answer after that" in shown(replace(report, sabotage=silent))
    unseen = replace(silent, seconds_until_unserved=None)
    text = shown(replace(report, sabotage=unseen))
    assert "after that" not in text
    assert "s later" not in text


def test_what_went_wrong_comes_first() -> None:
    text = shown(replace(made_report(), closed=False, faults=("3 predictions were lost",)))
    assert "did not close: 3 predictions were lost" in text


def test_the_settings_that_decide_are_shown_before() -> None:
    screen = io.StringIO()
    options = DemoOptions()
    settings = demo_settings(Settings(), options, products_per_day=50.0)
    show_settings(settings, options, Console(file=screen, width=100))
    for name in ("challenger_share", "label_share", "cohort_complete", "drift_window_products"):
        assert name in screen.getvalue()
