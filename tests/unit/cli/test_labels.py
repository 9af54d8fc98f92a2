import json
from collections.abc import Callable

from typer.testing import Result

from tests.fakes.serving import Worker, eventually

Regain = Callable[..., Result]


def waiting(worker: Worker, title: str) -> str:
    """A product that was put before a person; its prediction."""
    prediction_id: str = worker.classify(title=title).json()["prediction_id"]
    eventually(lambda: worker.stored(prediction_id))
    return prediction_id


def test_a_reviewer_sees_the_product_and_not_the_answer(worker: Worker, regain: Regain) -> None:
    prediction_id = waiting(worker, "qwertz \x1b[2J\n of 1920")
    output = regain("labels", "next", "--reviewer", "anna").output
    assert "qwertz  [2J  of 1920" in output
    assert prediction_id in output
    assert "books" not in output
    assert "shoes" not in output


def test_nothing_waits(regain: Regain) -> None:
    assert "nothing waits" in regain("labels", "next", "--reviewer", "anna").output
    assert json.loads(regain("labels", "next", "--reviewer", "anna", "--json").output) is None


def test_a_label_is_stored(worker: Worker, regain: Regain) -> None:
    prediction_id = waiting(worker, "qwertz")
    result = regain("labels", "add", prediction_id, "books", "--reviewer", "anna")
    assert "stored (label space version 1)" in result.output
    (label,) = worker.services.database.labels.values()
    assert (label.category, label.reviewer) == ("books", "anna")


def test_a_new_category_is_named_on_purpose(worker: Worker, regain: Regain) -> None:
    prediction_id = waiting(worker, "qwertz")
    arguments = ("labels", "add", prediction_id, "lamps", "--reviewer", "anna")
    assert "new_category" in str(regain(*arguments).exception)
    receipt = json.loads(regain(*arguments, "--new-category", "--json").output)
    assert receipt["stored"]
    assert receipt["label_space_version"] == 2


def test_an_unknown_prediction_is_one_line(regain: Regain) -> None:
    result = regain("labels", "add", "nothing", "books", "--reviewer", "anna")
    assert result.exit_code == 1
    assert "not in the log" in str(result.exception)


def test_reviewers_hold_a_key_that_hides_the_answer(worker: Worker, regain: Regain) -> None:
    prediction_id = waiting(worker, "qwertz")
    worker.api_key = "another, which the program does not know"
    worker.stop()
    assert prediction_id in regain("labels", "next", "--reviewer", "anna").output
    result = regain("labels", "add", prediction_id, "books", "--reviewer", "anna")
    assert "stored" in result.output
    assert regain("classify", "--title", "book").exit_code == 1
