"""Which model a worker serves, whatever is away or broken."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml.domain.errors import ServiceUnavailable
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix
from ml.serving.bundle_copies import BundleCopies
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import Worker


def store_of(worker: Worker, **options: Any) -> ModelStore:
    """A worker's model store, refreshed by hand."""
    return ModelStore(
        worker.services.ledger,
        worker.services.objects,
        BundleCopies(worker.settings.state / "bundles"),
        Metrics(),
        **{"load_bundle": ModelBundle.from_files, "refresh_seconds": 60.0, **options},
    )


def refreshed(store: ModelStore) -> int | None:
    """Version served after one look at the ledger."""
    store.refresh()
    served = store.current()
    return served.champion.model_version if served else None


def another(temperature: float) -> ModelBundle:
    return replace(tiny_bundle(), temperature=temperature)


def test_without_a_champion_nothing_is_served_and_nothing_is_wrong(empty_worker: Worker) -> None:
    store = store_of(empty_worker)
    assert refreshed(store) is None
    assert store.problem is None


def test_the_champion_is_swapped_as_the_ledger_says(worker: Worker) -> None:
    store = store_of(worker)
    assert refreshed(store) == 1
    worker.publish(another(2.0), version=2)
    assert refreshed(store) == 2
    assert store.problem is None


def test_an_older_version_is_served_again(worker: Worker) -> None:
    store = store_of(worker)
    first = worker.publish(another(3.0), version=1)
    refreshed(store)
    worker.publish(another(2.0), version=2)
    refreshed(store)
    worker.promote(first, version=1)
    assert refreshed(store) == 1


def test_the_same_bundle_under_another_entry_is_not_loaded_again(worker: Worker) -> None:
    loads = []

    def counted(files: Mapping[str, bytes]) -> ModelBundle:
        loads.append(files)
        return ModelBundle.from_files(files)

    store = store_of(worker, load_bundle=counted)
    digest = worker.publish(another(2.0), version=2)
    refreshed(store)
    worker.promote(digest, version=3)
    assert refreshed(store) == 3
    assert len(loads) == 1


def test_while_postgresql_is_away_the_model_stays(worker: Worker) -> None:
    store = store_of(worker)
    refreshed(store)
    worker.services.database.down = True
    assert refreshed(store) == 1
    assert "last known champion" in str(store.problem)
    worker.services.database.down = False
    assert refreshed(store) == 1
    assert store.problem is None


def test_a_worker_that_starts_while_everything_is_away_serves_the_last_champion(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed(store_of(worker))
    worker.services.database.down = True
    monkeypatch.setattr(worker.services.objects, "_objects", {})
    assert refreshed(store_of(worker)) == 1


@pytest.mark.parametrize("damage", ["file gone", "file changed", "manifest gone"])
def test_a_bundle_that_is_not_what_was_admitted_is_not_served(worker: Worker, damage: str) -> None:
    store = store_of(worker)
    refreshed(store)
    prefix = bundle_prefix(worker.publish(another(2.0), version=2))
    objects = worker.services.objects._objects
    digest = json.loads(objects[f"{prefix}/manifest.json"])["bundle.json"]
    blob = f"blobs/{digest[:2]}/{digest}"
    if damage == "file gone":
        del objects[blob]
    elif damage == "manifest gone":
        del objects[f"{prefix}/manifest.json"]
    else:
        objects[blob] += b" "
    assert refreshed(store) == 1
    assert "version 2 can't be loaded" in str(store.problem)


def test_a_bundle_that_fails_to_load_is_tried_again_later(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(files: Mapping[str, bytes]) -> ModelBundle:
        attempts.append(files)
        if len(attempts) == 2:
            raise ValueError("out of luck")
        return ModelBundle.from_files(files)

    attempts: list[Mapping[str, bytes]] = []
    store = store_of(worker, load_bundle=fragile)
    refreshed(store)
    worker.publish(another(2.0), version=2)
    assert refreshed(store) == 1
    assert refreshed(store) == 1
    assert len(attempts) == 2  # not at every look
    monkeypatch.setattr("ml.serving.model_store.time.monotonic", lambda: float("inf"))
    assert refreshed(store) == 2
    assert store.problem is None


def test_a_bundle_that_answers_nonsense_is_not_served(worker: Worker) -> None:
    store = store_of(worker)
    refreshed(store)
    worker.publish(another(float("nan")), version=2)
    assert refreshed(store) == 1
    assert "distribution" in str(store.problem)


def test_a_damaged_copy_on_disk_is_fetched_again(worker: Worker) -> None:
    refreshed(store_of(worker))
    (path,) = (worker.settings.state / "bundles").glob("*/bundle.json")
    path.write_bytes(b"torn")
    assert refreshed(store_of(worker)) == 1
    assert path.read_bytes() != b"torn"


def test_only_the_champion_is_kept_on_disk(worker: Worker) -> None:
    store = store_of(worker)
    refreshed(store)
    digest = worker.publish(another(2.0), version=2)
    refreshed(store)
    folders = [path.name for path in (worker.settings.state / "bundles").iterdir() if path.is_dir()]
    assert folders == [digest]


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"since": 1}', "null"])
def test_a_damaged_record_of_the_champion_is_no_champion(tmp_path: Path, record: str) -> None:
    (tmp_path / "champion.json").write_text(record)
    assert BundleCopies(tmp_path).last_champion() is None


def test_a_request_is_answered_by_one_model_while_models_are_swapped(worker: Worker) -> None:
    """Versions alternate between a sharp and a flat bundle while batches are answered."""
    sharp, flat = worker.publish(another(1.0), version=1), worker.publish(another(50.0), version=2)
    worker.client.get("/readyz")
    done = threading.Event()

    def alternate() -> None:
        version = 3
        while not done.wait(0.005):
            worker.promote((sharp, flat)[version % 2], version=version)
            version += 1

    swapping = threading.Thread(target=alternate)
    swapping.start()
    products = [{"product_id": str(i), "title": f"book {i}"} for i in range(4)]
    versions = set()
    for _ in range(150):
        response = worker.client.post("/v1/classify/batch", json={"products": products})
        assert response.status_code == 200
        answers = response.json()["predictions"]
        (version,) = {answer["model_version"] for answer in answers}
        doubtful = {answer["needs_review"] for answer in answers}
        assert doubtful == {version % 2 == 0 if version < 3 else version % 2 == 1}
        versions.add(version)
    done.set()
    swapping.join()
    assert len(versions) > 2


def test_a_ledger_that_fails_in_an_unknown_way_does_not_stop_serving(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(worker)
    refreshed(store)

    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(worker.services.ledger, "champion", broken)
    assert refreshed(store) == 1
    assert "RuntimeError" in str(store.problem)


def test_an_object_store_that_is_away_is_asked_again_at_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> bytes:
        raise ServiceUnavailable("away")

    store = store_of(worker)
    with monkeypatch.context() as patched:
        patched.setattr(worker.services.objects, "get", away)
        assert refreshed(store) is None
    assert refreshed(store) == 1
