"""Accuracy of what was served, on the command line."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ml.cli import accuracy
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.predictions import ReviewSelection, SelectionReason
from ml.wiring.config import Settings
from tests.examples import CLASSES, START, a_prediction, a_review_label
from tests.fakes import FakeServices

Regain = Callable[..., Result]


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    services = FakeServices(Settings(state=tmp_path))
    services.label_spaces.extend(CLASSES, cause="import", at=START)
    return services


@pytest.fixture
def regain(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Regain:
    """Runs `regain accuracy` with these arguments on the services of the test."""
    monkeypatch.setattr(accuracy, "Services", lambda _settings: services)
    app = typer.Typer()
    accuracy.register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), obj=services.settings, catch_exceptions=False)

    return run


def serve(services: FakeServices, *, right: int, wrong: int, unlabelled: int = 0) -> None:
    """Audited products of version 1, labelled by two people; the second one agrees on the right
    ones, and the third one decides for the first."""
    for number in range(right + wrong + unlabelled):
        coin = ReviewSelection(f"prediction-{number}", SelectionReason.AUDIT, 0.5, 0.5, 2)
        answer = a_prediction(number, selections=(coin,))
        services.predictions.append([answer])
        votes = [("ana", "games"), ("ben", "games")]
        if number >= right:
            votes = [("ana", "books"), ("ben", "games"), ("eva", "books")]
        for hours, (reviewer, category) in enumerate(votes if number < right + wrong else ()):
            label = a_review_label(
                answer,
                category=category,
                reviewer=reviewer,
                inclusion_probability=0.5,
                labelled_at=answer.predicted_at + timedelta(hours=hours),
            )
            services.labels.append([label])


def test_the_table_tells_both_figures_and_what_they_mean(
    services: FakeServices, regain: Regain
) -> None:
    serve(services, right=9, wrong=3, unlabelled=3)
    output = regain("1").output
    assert "version 1, 15 products served" in output
    assert "naive counts every reviewed product once" in output
    (overall,) = [line.split() for line in output.splitlines() if line.startswith("all ")]
    assert overall[:4] == ["all", "15", "12", "75.0%"]
    assert overall[7:10] == ["60.0%", "-", "80.0%"]
    assert overall[10] == "75.0%"
    for dimension in ("language", "style", "answer", "label"):
        assert f"by {dimension}" in output
    assert "reviewers of 12 products agree on 75.0%" in output
    assert "x the labels" in output


def test_a_slice_without_labels_has_bounds_alone(services: FakeServices, regain: Regain) -> None:
    serve(services, right=0, wrong=0, unlabelled=2)
    output = regain("1").output
    (overall,) = [line.split() for line in output.splitlines() if line.startswith("all ")]
    assert overall == ["all", "2", "0", "0.0%", "-", "100.0%"]
    assert "no product has two reviewers yet" in output


def test_labels_worse_than_a_coin_decide_nothing(services: FakeServices, regain: Regain) -> None:
    serve(services, right=0, wrong=2)
    assert "such labels decide nothing" in regain("1").output


def test_machines_get_all_of_it(services: FakeServices, regain: Regain) -> None:
    serve(services, right=2, wrong=0)
    until = "2024-01-01T12:00:00+00:00"  # the first of the two answers
    report = json.loads(regain("1", "--until", until, "--json").output)
    assert (report["model_version"], report["served"], report["until"]) == (1, 1, until)
    assert report["slices"][0]["weighted"]["value"] == 1.0
    assert report["agreement"]["error"] == 0.0


def test_what_can_not_be_measured_is_told(regain: Regain) -> None:
    with pytest.raises(NotFound, match="name a version"):
        regain()
    with pytest.raises(InvalidInput, match="no time with a zone"):
        regain("1", "--since", "monday")
