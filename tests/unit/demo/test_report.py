"""The report as people and as machines read it."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from ml.demo.report import (
    DemoReport,
    LabelReport,
    PredictionReport,
    Quality,
    VersionReport,
    show,
)

QUALITY = Quality(rows=100, weighted_f1=0.91234, accuracy=0.9, macro_f1=0.8)
NOTHING = Quality(rows=0, weighted_f1=0.0, accuracy=0.0, macro_f1=0.0)
MODALITIES = {"text": QUALITY, "image": NOTHING, "fused": QUALITY}
REPORT = DemoReport(
    worked=True,
    faults=(),
    champion=1,
    versions=(
        VersionReport(
            version=1,
            run_url="http://airflow/run",
            model_url="http://mlflow/1",
            as_of=datetime(2026, 1, 1, tzinfo=UTC),
            snapshot="d" * 64,
            decision="promote",
            reason="passed",
            test=MODALITIES,
            later=MODALITIES,
            later_shared=MODALITIES,
        ),
    ),
    predictions=PredictionReport(
        answered=10, needs_review=2, lost=0, doubled=0, served_accuracy={"first": 0.9}
    ),
    labels=LabelReport(
        imported=100,
        reviewed=5,
        unanswered=1,
        naive_agreement=0.4,
        weighted_agreement=0.8,
        reviewer_accuracy=0.88,
        true_accuracy=0.9,
    ),
    seconds=120.0,
    stage_seconds={"import": 3.0},
)


def shown(report: DemoReport, tmp_path) -> str:
    screen = io.StringIO()
    show(report, tmp_path / "report.json", Console(file=screen, width=120), kept=False)
    return screen.getvalue()


def test_the_screen_shows_every_figure_and_link(tmp_path) -> None:
    text = shown(REPORT, tmp_path)
    for part in (
        "It worked",
        "later products (100)",
        "0.912 (0.900)",
        "none",
        "http://airflow/run",
        "80.0%",
        "40.0%",
    ):
        assert part in text


def test_what_went_wrong_comes_first(tmp_path) -> None:
    text = shown(replace(REPORT, worked=False, faults=("3 predictions were lost",)), tmp_path)
    assert "did not work: 3 predictions were lost" in text


def test_without_reviews_nothing_is_estimated(tmp_path) -> None:
    labels = replace(
        REPORT.labels,
        reviewed=0,
        naive_agreement=None,
        weighted_agreement=None,
        reviewer_accuracy=None,
    )
    assert "nobody answered" in shown(replace(REPORT, labels=labels), tmp_path)


def test_the_file_holds_the_same_as_json(tmp_path) -> None:
    path = tmp_path / "report.json"
    REPORT.write(path)
    stored = json.loads(path.read_text())
    assert stored["versions"][0]["later"]["fused"]["weighted_f1"] == QUALITY.weighted_f1
    assert stored["versions"][0]["as_of"] == "2026-01-01T00:00:00+00:00"
    assert stored["predictions"]["lost"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
