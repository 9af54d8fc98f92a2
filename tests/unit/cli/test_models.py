import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from tests.fakes.serving import Worker, eventually, jpeg

Regain = Callable[..., Result]


def test_a_product_is_classified(worker: Worker, regain: Regain) -> None:
    result = regain("classify", "--title", "a good book")
    assert result.exit_code == 0
    assert "books" in result.output
    assert "filed unseen" in result.output
    assert "model version 1" in result.output


def test_a_doubtful_product_needs_review(regain: Regain) -> None:
    assert "needs review" in regain("classify", "--title", "qwertz").output


def test_machines_get_json_of_a_logged_prediction(worker: Worker, regain: Regain) -> None:
    result = regain("classify", "--title", "a shoe", "--product-id", "7", "--json")
    answer = json.loads(result.output)
    assert (answer["category"], answer["product_id"]) == ("shoes", "7")
    eventually(lambda: worker.stored(answer["prediction_id"]))


def test_a_picture_travels_along(worker: Worker, regain: Regain, tmp_path: Path) -> None:
    path = tmp_path / "shoe.jpg"
    path.write_bytes(jpeg())
    answer = json.loads(regain("classify", "--title", "shoe", "--image", path, "--json").output)
    eventually(lambda: worker.stored(answer["prediction_id"]))
    assert worker.services.database.predictions[answer["prediction_id"]].product.picture


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "neither text nor a picture"),
        (("--title", "x" * 3_000), "too many"),
        (("--image", "/nowhere/shoe.jpg"), "No such file"),
    ],
)
def test_a_fault_is_one_line(regain: Regain, arguments: tuple[str, ...], said: str) -> None:
    result = regain("classify", *arguments)
    assert result.exit_code == 1
    assert said in str(result.exception)


def test_without_a_server_the_remedy_is_named(
    regain: Regain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    monkeypatch.setattr(httpx.MockTransport, "handle_request", refused)
    result = regain("classify", "--title", "x")
    assert result.exit_code == 1
    assert "regain up" in str(result.exception)
    monkeypatch.setenv("REGAIN_SERVING_URL", "https://me:open-sesame@serving.example")
    assert "me:***@serving.example" in str(regain("classify", "--title", "x").exception)
