"""The API as its users see it: answers, refusals, and what goes on when services are away."""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ml.domain.errors import ServiceUnavailable
from ml.domain.labels import LabelSpace
from ml.domain.products import picture_key
from ml.models.bundle import ModelBundle
from ml.models.fusion import Fusion
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import Worker, encoded, eventually, jpeg


class Brightness:
    """An image model: bright pictures are books."""

    def predict_proba(self, pictures: list[bytes]) -> np.ndarray:
        return np.array([[0.9, 0.1]] * len(pictures))


def with_pictures(files: Mapping[str, bytes]) -> ModelBundle:
    return replace(ModelBundle.from_files(files), image=Brightness(), fusion=Fusion(0.5))


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_a_product_is_classified_and_logged(worker: Worker) -> None:
    response = worker.classify(title="a good book", at="2026-03-01T10:00:00+01:00")
    assert response.status_code == 200
    answer = response.json()
    assert answer["category"] == "books"
    assert answer["confidence"] > 0.8
    assert not answer["needs_review"]
    assert [each["category"] for each in answer["top5"]] == ["books", "shoes"]
    assert sum(each["probability"] for each in answer["top5"]) == pytest.approx(1)
    assert (answer["model_version"], answer["arm"], answer["label_space_version"]) == (
        1,
        "champion",
        1,
    )
    eventually(lambda: worker.stored(answer["prediction_id"]))
    audit = worker.client.get(f"/v1/predictions/{answer['prediction_id']}").json()
    assert audit["title"] == "a good book"
    assert audit["predicted_at"] == "2026-03-01T09:00:00Z"
    assert audit["confidence"] == answer["confidence"]
    assert audit["top5"] == answer["top5"]
    assert audit["experiment"] is None
    assert audit["signals"]["title_length"] == len("a good book")


def test_an_unknown_word_needs_review_and_is_put_before_a_person(worker: Worker) -> None:
    answer = worker.classify(title="qwertz").json()
    assert answer["needs_review"]
    eventually(lambda: worker.services.reviews.waiting() == 1)


def test_a_batch_is_answered_in_order_by_one_model(worker: Worker) -> None:
    products = [{"product_id": str(i), "title": t} for i, t in enumerate(["shoe", "book", "shoe"])]
    response = worker.client.post("/v1/classify/batch", json={"products": products})
    assert [each["category"] for each in response.json()["predictions"]] == [
        "shoes",
        "books",
        "shoes",
    ]
    assert [each["product_id"] for each in response.json()["predictions"]] == ["0", "1", "2"]


def test_a_picture_is_seen_kept_and_shown(empty_worker: Worker) -> None:
    worker = empty_worker
    worker.load_bundle = with_pictures
    worker.publish(tiny_bundle())
    picture = jpeg("white")
    answer = worker.classify(image=encoded(picture)).json()
    assert (answer["category"], answer["confidence"]) == ("books", pytest.approx(0.9))
    eventually(lambda: worker.stored(answer["prediction_id"]))
    digest = worker.services.database.predictions[answer["prediction_id"]].product.picture
    assert worker.services.objects.get(picture_key(digest)) == picture
    assert not worker.spool_files()
    shown = worker.client.get(f"/v1/pictures/{digest}")
    assert (shown.content, shown.headers["content-type"]) == (picture, "image/jpeg")


def test_a_picture_may_be_named_by_a_uri_of_the_own_store(empty_worker: Worker) -> None:
    worker = empty_worker
    worker.load_bundle = with_pictures
    worker.publish(tiny_bundle())
    uri = worker.services.objects.put("incoming/1.jpg", jpeg())
    answer = worker.classify(image_uri=uri).json()
    eventually(lambda: worker.stored(answer["prediction_id"]))
    digest = worker.services.database.predictions[answer["prediction_id"]].product.picture
    assert worker.services.objects.exists(picture_key(digest))


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("neither", {}, "title", "neither text nor a picture"),
    ("only blanks", {"title": "  ", "description": "\n"}, "title", "neither text nor a picture"),
    ("nothing readable", {"title": "<br>"}, "title", "nothing it can read"),
    ("not base64", {"image": "###"}, "image", "not base64"),
    ("data URL", {"image": "data:image/png;base64,AAAA"}, "image", "not base64"),
    ("not ASCII", {"image": "é"}, "image", "not base64"),
    ("not a picture", {"image": encoded(b"%PDF-1.7 hello")}, "image", "not one of"),
    ("empty picture", {"image": ""}, "image", "not one of"),
    ("torn picture", {"image": encoded(jpeg(size=(400, 400))[:900])}, "image", "damaged"),
    ("bomb", {"image": encoded(bomb())}, "image", "pixels"),
    ("heavy picture", {"image": encoded(b"\xff" * 110_000)}, "image", "110000 bytes"),
    ("long title", {"title": "x" * 100_000}, "title", "too many"),
    ("long description", {"description": "x" * 60_000}, "description", "too many"),
    ("NUL in title", {"title": "a\0b"}, "title", "NUL"),
    ("NUL in description", {"title": "a", "description": "\0"}, "description", "NUL"),
    ("lone surrogate", {"title": "\ud800"}, "title", "surrogate"),
    ("both", {"image": encoded(jpeg()), "image_uri": "memory://store/x"}, "image_uri", "both"),
    ("foreign URI", {"image_uri": "https://example.org/x.jpg"}, "image_uri", "not in the object"),
    ("local file", {"image_uri": "file:///etc/passwd"}, "image_uri", "not in the object store"),
    ("climbing", {"image_uri": "memory://store/../x"}, "image_uri", "plain relative path"),
    ("unknown URI", {"image_uri": "memory://store/none.jpg"}, "image_uri", "no picture lies"),
    ("naive time", {"title": "book", "at": "2026-01-01T00:00:00"}, "at", "timezone"),
    ("not a time", {"title": "book", "listed_at": "yesterday"}, "listed_at", "datetime"),
    ("edge of time", {"title": "book", "at": "0001-01-01T00:00:00+14:00"}, "at", "between"),
    ("empty id", {"title": "book", "product_id": ""}, "product_id", "at least 1"),
    ("blank id", {"title": "book", "product_id": "  "}, "product_id", "printable"),
    ("long id", {"title": "book", "product_id": "x" * 201}, "product_id", "at most 200"),
    ("id with newline", {"title": "book", "product_id": "a\nb"}, "product_id", "printable"),
    ("number as id", {"title": "book", "product_id": 7}, "product_id", "string"),
    ("list as title", {"title": ["book"]}, "title", "string"),
    ("typing error", {"titel": "book"}, "titel", "not permitted"),
]


@pytest.mark.parametrize(
    ("product", "field", "reason"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_bad_products_are_refused_with_field_and_reason(
    worker: Worker, product: dict[str, Any], field: str, reason: str
) -> None:
    body = json.dumps({"product_id": "p1", **product})
    response = worker.client.post(
        "/v1/classify", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["field"] == field
    assert reason in error["reason"]
    assert worker.classify(title="book").status_code == 200


def test_a_bad_product_of_a_batch_is_named(worker: Worker) -> None:
    products = [{"product_id": "1", "title": "book"}, {"product_id": "2", "image": "#"}]
    response = worker.client.post("/v1/classify/batch", json={"products": products})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "products.1.image"
    assert worker.services.predictions.count() == 0


@pytest.mark.parametrize("count", [0, 5])
def test_a_batch_has_bounds(worker: Worker, count: int) -> None:
    products = [{"product_id": "1", "title": "book"}] * count
    response = worker.client.post("/v1/classify/batch", json={"products": products})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "products"


@pytest.mark.parametrize("body", ["{", "", "[1]", '"text"', "nul", "[" * 100_000])
def test_a_body_that_is_no_product_is_refused(worker: Worker, body: str) -> None:
    response = worker.client.post(
        "/v1/classify", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422)
    assert response.json()["error"]["reason"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "image/jpeg", ""]
)
def test_other_content_types_are_refused(worker: Worker, content_type: str) -> None:
    response = worker.client.post(
        "/v1/classify",
        content='{"product_id": "1", "title": "book"}',
        headers={"Content-Type": content_type},
    )
    assert response.status_code == 415
    assert "application/json" in response.json()["error"]["remedy"]


def test_a_picture_of_fifty_megabytes_is_refused_by_its_length(worker: Worker) -> None:
    response = worker.classify(image="A" * 50_000_000)
    assert response.status_code == 413
    assert "200000 bytes" in response.json()["error"]["reason"]


def test_a_body_without_declared_length_is_refused_while_it_streams(worker: Worker) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        yield b'{"product_id": "1", "title": "'
        while sent < 50_000_000:
            sent += 10_000
            yield b"x" * 10_000

    response = worker.client.post(
        "/v1/classify", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413


@pytest.mark.parametrize("key", ["", "wrong", "clé"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/classify"),
        ("POST", "/v1/classify/batch"),
        ("POST", "/v1/labels"),
        ("GET", "/v1/review/next?reviewer=anna"),
        ("GET", "/v1/predictions/x"),
        ("GET", "/v1/drift"),
        ("GET", "/v1/rollout"),
        ("GET", f"/v1/pictures/{'0' * 64}"),
    ],
)
def test_strangers_are_turned_away(worker: Worker, method: str, path: str, key: str) -> None:
    response = worker.client.request(method, path, headers={"X-API-Key": key.encode()})
    assert response.status_code == 401
    assert "secrets.json" in response.json()["error"]["remedy"]


def test_operators_need_no_key(worker: Worker) -> None:
    worker.client.headers.pop("X-API-Key")
    for path in ("/healthz", "/readyz", "/metrics", "/v1/model", "/docs", "/openapi.json"):
        assert worker.client.get(path).status_code == 200, path


def test_an_unknown_path_is_told_in_the_same_shape(worker: Worker) -> None:
    assert "docs" in worker.client.get("/nothing").json()["error"]["remedy"]
    assert worker.client.delete("/v1/classify").status_code == 405


def test_before_the_first_champion_the_answer_says_what_to_do(empty_worker: Worker) -> None:
    response = empty_worker.classify(title="book")
    assert response.status_code == 503
    assert "retrain_monthly" in response.json()["error"]["reason"]
    assert empty_worker.client.get("/readyz").status_code == 503
    assert empty_worker.client.get("/healthz").status_code == 200
    empty_worker.publish(tiny_bundle())
    eventually(lambda: empty_worker.classify(title="book").status_code == 200)
    assert empty_worker.client.get("/readyz").json()["model_version"] == 1


def test_while_postgresql_is_away_answers_go_on_and_arrive_later_once(worker: Worker) -> None:
    worker.client.get("/readyz")
    worker.services.database.down = True
    ids = [worker.classify(title=f"book {i}").json()["prediction_id"] for i in range(20)]
    assert worker.client.get("/readyz").json()["problem"]
    assert worker.client.get("/v1/review/next?reviewer=anna").status_code == 503
    worker.services.database.down = False
    eventually(lambda: worker.services.predictions.count() == 20)
    assert set(ids) == set(worker.services.database.predictions)
    eventually(lambda: not worker.spool_files())


def test_while_redis_is_away_products_are_answered(worker: Worker) -> None:
    first = worker.classify(title="book").json()
    worker.services.cache.down = True
    again = worker.classify(title="book").json()
    assert again["confidence"] == first["confidence"]
    text = worker.client.get("/metrics").text
    assert "regain_cache_errors_total 1.0" in text
    assert 'regain_cache_total{result="miss"} 2.0' in text


def test_a_cached_answer_equals_a_fresh_one_and_belongs_to_its_model(worker: Worker) -> None:
    fresh, cached = (worker.classify(title="a shoe").json() for _ in range(2))
    assert cached["top5"] == fresh["top5"]
    assert cached["prediction_id"] != fresh["prediction_id"]
    assert 'regain_cache_total{result="hit"} 1.0' in worker.client.get("/metrics").text
    worker.publish(replace(tiny_bundle(), temperature=4.0), version=2)
    eventually(lambda: worker.classify(title="a shoe").json()["model_version"] == 2)
    assert worker.classify(title="a shoe").json()["confidence"] < fresh["confidence"]


def test_a_repeated_request_is_the_same_prediction(worker: Worker) -> None:
    ids = {
        worker.classify(title="qwertz", request_id="order 7").json()["prediction_id"]
        for _ in range(3)
    }
    assert len(ids) == 1
    eventually(lambda: worker.stored(*ids))
    assert worker.services.predictions.count() == 1


def test_a_request_repeated_after_a_promotion_is_answered_anew_and_both_are_logged(
    worker: Worker,
) -> None:
    def ask() -> dict[str, Any]:
        return dict(worker.classify(title="qwertz", request_id="order 7").json())

    first = ask()
    worker.publish(replace(tiny_bundle(), temperature=4.0), version=2)
    eventually(lambda: worker.client.get("/readyz").json()["model_version"] == 2)
    second = ask()
    assert (first["model_version"], second["model_version"]) == (1, 2)
    eventually(lambda: all(worker.stored(each["prediction_id"]) for each in (first, second)))
    assert worker.services.predictions.count() == 2


def test_a_request_id_used_for_another_product_loses_nothing(worker: Worker) -> None:
    first = worker.classify(title="book", request_id="r").json()["prediction_id"]
    second = worker.classify(title="shoe", request_id="r").json()["prediction_id"]
    eventually(lambda: worker.stored(first) and worker.stored(second))
    assert worker.services.predictions.count() == 2


def test_a_full_disk_refuses_rather_than_answer_unlogged(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    assert worker.classify(title="book").status_code == 200
    with monkeypatch.context() as patched:
        patched.setattr("ml.serving.segments.os.write", full)
        response = worker.classify(title="book")
    assert response.status_code == 503
    assert "No space left" in response.json()["error"]["reason"]
    assert worker.classify(title="book").status_code == 200


def test_an_unexpected_fault_is_a_500_with_an_id_and_the_worker_goes_on(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault nobody thought of")

    with monkeypatch.context() as patched:
        patched.setattr(worker.services.cache, "get", broken)
        response = worker.classify(title="book")
    assert response.status_code == 500
    assert response.json()["error"]["request_id"] == response.headers["X-Request-ID"]
    assert "nobody thought of" not in response.text
    assert response.headers["X-Request-ID"] in caplog.text
    assert worker.classify(title="book").status_code == 200


def test_an_object_store_that_is_away_is_a_503(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> bytes:
        raise ServiceUnavailable("the object store does not answer")

    uri = worker.services.objects.put("a.jpg", jpeg())
    monkeypatch.setattr(worker.services.objects, "get", away)
    assert worker.classify(image_uri=uri).status_code == 503


def test_metrics_count_what_happened(worker: Worker) -> None:
    worker.classify(title="book")
    worker.classify(title="qwertz")
    worker.classify()
    eventually(lambda: worker.services.predictions.count() == 2)
    eventually(lambda: not worker.spool_files())
    text = worker.client.get("/metrics").text
    assert 'regain_requests_total{method="POST",route="/v1/classify",status="200"} 2.0' in text
    assert 'regain_requests_total{method="POST",route="/v1/classify",status="422"} 1.0' in text
    assert 'regain_predicted_category_total{category="books"} 2.0' in text
    assert "regain_low_confidence_total 1.0" in text
    assert 'regain_review_selections_total{reason="low_confidence"} 1.0' in text
    assert 'regain_spool_rows_total{outcome="stored"} 2.0' in text
    assert "regain_spool_backlog_rows 0.0" in text
    assert "regain_model_version 1.0" in text


def test_the_model_is_described(worker: Worker) -> None:
    described = worker.client.get("/v1/model").json()
    assert described["classes"] == ["books", "shoes"]
    assert described["snapshot_digest"] == "d" * 64
    assert described["model_version"] == 1
    assert not described["reads_pictures"]
    assert described["challenger"] is None


OPEN = ("/v1/model", "/v1/drift/{check_id}/report")


def test_every_route_is_documented_with_examples_and_errors(worker: Worker) -> None:
    document = worker.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            if path.startswith("/v1/") and path not in OPEN:
                assert operation["security"] == [{"APIKeyHeader": []}]
                schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorAnswer")
    assert document["components"]["schemas"]["ClassifyRequest"]["examples"]


def test_a_label_space_of_another_version_is_not_served(worker: Worker) -> None:
    newer = replace(tiny_bundle(LabelSpace(2, ("books", "shoes"))), temperature=2)
    digest = worker.publish(newer, version=2)
    assert worker.client.get("/v1/model").json()["model_version"] == 2
    worker.promote(digest, version=9, label_space_version=1)
    eventually(lambda: "label space" in str(worker.client.get("/readyz").json()["problem"]))
    assert worker.client.get("/v1/model").json()["model_version"] == 2
