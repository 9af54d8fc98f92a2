"""`regain lineage`, as people and machines read it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ml.cli import lineage
from ml.domain.errors import NotFound
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.answers import answered, learnt

Regain = Callable[..., Result]
ANSWER = "c41e7d0a93b84f26b5d2703e9af86c15"


@pytest.fixture
def regain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Regain:
    """Runs `regain lineage` for the answer of a challenger; errors are raised."""
    services = learnt(FakeServices(Settings(state=tmp_path)))
    answered(services, ANSWER, version=2)
    monkeypatch.setattr(lineage, "Services", lambda _settings: services)
    app = typer.Typer()
    lineage.register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), obj=services.settings, catch_exceptions=False)

    return run


def test_people_see_the_whole_way(regain: Regain) -> None:
    shown = regain(ANSWER).output
    for part in (
        f"prediction {ANSWER}",
        "books, 90.0% sure, as challenger during trial-2",
        "product p9, [red] shoe",
        "put before people: audit, drawn with probability 0.01",
        "version 2, bundle bundle-2",
        "challenger 2026-03-01 23:00 to now: as good",
        "run-2, memory://registry/runs/run-2",
        "3 products",
        "5 labels",
        "import by catalogue: 3",
        "review by anna: 1",
        "p1: books, import by catalogue, 2026-03-01 12:00, outvoted",
    ):
        assert part in shown


def test_labels_are_all_rows_as_csv(regain: Regain) -> None:
    rows = list(csv.DictReader(io.StringIO(regain(ANSWER, "--labels").output)))
    assert [row["product_id"] for row in rows] == ["p1", "p1", "p2", "p3", "p3"]
    assert [row["settled"] for row in rows] == ["False", "True", "True", "False", "True"]
    assert rows[1]["labelled_at"] == "2026-03-01T14:00:00+00:00"


def test_machines_get_everything(regain: Regain) -> None:
    told = json.loads(regain(ANSWER, "--json").output)
    assert told["prediction"]["category"] == "books"
    assert told["version"]["served"][0]["arm"] == "challenger"
    assert told["version"]["entries"][0]["reason"] == "as good"
    assert told["run"]["run_id"] == "run-2"
    assert told["snapshot"]["rows"] == 3
    assert len(told["labels"]) == 5
    assert told["shadow"] is None


def test_an_unknown_answer_says_what_to_do(regain: Regain) -> None:
    with pytest.raises(NotFound, match="take the id of an answer"):
        regain("nobody")
