"""Which model a worker serves, whatever is away or broken."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml.domain.digests import digest_files
from ml.domain.errors import ServiceUnavailable
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix
from ml.serving.bundle_copies import BundleCopies
from ml.serving.bundle_source import BundleLoader, BundleSource
from ml.serving.metrics import Metrics
from ml.serving.model_store import ModelStore
from ml.serving.served import ServedRollout
from tests.fakes.bundles import tiny_bundle
from tests.fakes.serving import Worker, eventually


def store_of(
    worker: Worker,
    *,
    load_bundle: BundleLoader = ModelBundle.from_files,
    metrics: Metrics | None = None,
    refresh_seconds: float = 60.0,
) -> ModelStore:
    """A worker's model store, refreshed by hand."""
    copies = BundleCopies(worker.settings.state / "bundles")
    return ModelStore(
        worker.services.ledger,
        worker.services.ledger_news,
        BundleSource(worker.services.objects, copies, load_bundle),
        copies,
        metrics or Metrics(),
        refresh_seconds=refresh_seconds,
    )


def refreshed(store: ModelStore) -> int | None:
    """The champion's version after the store looked at the ledger."""
    store.refresh()
    served = store.current()
    return served.champion.version.model_version if served else None


def on_trial(store: ModelStore) -> int | None:
    """The challenger's version after the store looked at the ledger."""
    store.refresh()
    served = store.current()
    return served.trial.model_version if served and served.trial else None


class Loads:
    """Counts what is loaded, by bundle; `broken` ones fail."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.digests: list[str] = []

    def __call__(self, files: Mapping[str, bytes]) -> ModelBundle:
        digest = digest_files(files)
        self.digests.append(digest)
        if digest in self.broken:
            raise ValueError("broken")
        return ModelBundle.from_files(files)


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
    first = worker.publish(another(3.0), version=2)
    refreshed(store)
    worker.publish(another(2.0), version=3)
    refreshed(store)
    worker.promote(first, version=2)
    assert refreshed(store) == 2


def test_the_same_bundle_under_another_entry_is_not_loaded_again(worker: Worker) -> None:
    loads = Loads()
    store = store_of(worker, load_bundle=loads)
    digest = worker.publish(another(2.0), version=2)
    refreshed(store)
    worker.promote(digest, version=3)
    assert refreshed(store) == 3
    assert loads.digests.count(digest) == 1


def test_a_challenger_is_loaded_beside_the_champion_and_dropped_by_a_rollback(
    worker: Worker,
) -> None:
    store = store_of(worker)
    worker.challenge(worker.store(another(2.0)), version=2, share=0.5)
    assert (refreshed(store), on_trial(store)) == (1, 2)
    worker.roll_back(version=2)
    assert (refreshed(store), on_trial(store)) == (1, None)
    assert store.problem is None


def test_promoting_the_challenger_and_rolling_it_back_loads_nothing(worker: Worker) -> None:
    loads = Loads()
    store = store_of(worker, load_bundle=loads)
    digest = worker.store(another(2.0))
    worker.challenge(digest, version=2, share=0.5)
    assert (refreshed(store), on_trial(store)) == (1, 2)
    before = list(loads.digests)
    worker.promote(digest, version=2)
    assert (refreshed(store), on_trial(store)) == (2, None)
    worker.roll_back(version=2)
    assert refreshed(store) == 1
    assert loads.digests == before


def test_a_worker_that_starts_later_has_the_former_champion_ready(worker: Worker) -> None:
    worker.publish(another(2.0), version=2)
    loads = Loads()
    store = store_of(worker, load_bundle=loads)
    assert refreshed(store) == 2
    before = list(loads.digests)
    worker.roll_back(version=2)
    assert refreshed(store) == 1
    assert loads.digests == before


def test_memory_holds_champion_challenger_and_one_former(worker: Worker) -> None:
    store = store_of(worker)
    for version in range(2, 8):
        worker.publish(another(float(version)), version=version)
        worker.challenge(worker.store(another(version + 0.5)), version=100 + version, share=0.5)
        assert refreshed(store) == version
        assert len(store._bundles) <= 3
    folders = [path for path in (worker.settings.state / "bundles").iterdir() if path.is_dir()]
    assert len(folders) <= 3


def test_a_challenger_that_cannot_be_loaded_leaves_all_to_the_champion(worker: Worker) -> None:
    digest = worker.store(another(2.0))
    metrics = Metrics()
    store = store_of(worker, load_bundle=Loads(digest), metrics=metrics)
    worker.challenge(digest, version=2, share=1.0)
    assert (refreshed(store), on_trial(store)) == (1, None)
    assert "the champion answers every product" in str(store.problem)
    assert "version 2 can't be loaded" in str(store.problem)
    text = metrics.render().decode()
    assert "regain_workers_behind 1.0" in text
    assert "regain_challenger_version 0.0" in text
    worker.roll_back(version=2)
    refreshed(store)
    assert store.problem is None


def test_a_former_champion_that_is_gone_is_no_problem_of_this_one(worker: Worker) -> None:
    former = worker.services.ledger.champion().bundle_digest
    worker.publish(another(2.0), version=2)
    store = store_of(worker, load_bundle=Loads(former))
    assert refreshed(store) == 2
    assert store.problem is None


WATCHED = {"shadow_share": 0.2, "label_probability": 0.01}


def compared(store: ModelStore) -> tuple[int, int] | None:
    """Versions of candidate and baseline after the store looked at the ledger."""
    store.refresh()
    served = store.current()
    if served is None or served.comparison is None:
        return None
    comparison = served.comparison
    versions = comparison.candidate.version.model_version, comparison.baseline.version.model_version
    terms = comparison.terms
    assert versions == (terms.candidate.model_version, terms.baseline.model_version)
    return versions


def test_a_comparison_is_served_from_its_beginning_to_its_end(worker: Worker) -> None:
    loads = Loads()
    store = store_of(worker, load_bundle=loads)
    assert compared(store) is None
    digest = worker.store(another(2.0))
    worker.challenge(digest, version=2, share=0.5, **WATCHED)
    assert compared(store) == (2, 1)
    worker.promote(digest, version=2, **WATCHED)
    assert compared(store) == (2, 1)
    worker.challenge(worker.store(another(3.0)), version=3, share=0.5, **WATCHED)
    assert compared(store) == (3, 2)
    worker.roll_back(version=3)
    assert compared(store) == (2, 1)
    worker.confirm(version=2)
    assert compared(store) is None
    assert refreshed(store) == 2
    assert len(loads.digests) == 3
    assert store.problem is None


def test_a_champion_rolled_back_from_its_watch_is_compared_no_more(worker: Worker) -> None:
    store = store_of(worker)
    worker.promote(worker.store(another(2.0)), version=2, **WATCHED)
    assert compared(store) == (2, 1)
    worker.roll_back(version=2)
    assert compared(store) is None
    assert refreshed(store) == 1


def test_a_watch_whose_former_champion_is_gone_goes_on_without_shadow_work(
    worker: Worker,
) -> None:
    former = worker.services.ledger.champion().bundle_digest
    worker.promote(worker.store(another(2.0)), version=2, **WATCHED)
    store = store_of(worker, load_bundle=Loads(former))
    assert (refreshed(store), compared(store)) == (2, None)
    assert "no product is scored for the watch" in str(store.problem)
    assert "version 1 can't be loaded" in str(store.problem)
    worker.confirm(version=2)
    assert (refreshed(store), store.problem) == (2, None)


def test_a_former_champion_that_comes_back_is_compared_at_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = Loads(worker.services.ledger.champion().bundle_digest)
    worker.promote(worker.store(another(2.0)), version=2, **WATCHED)
    store = store_of(worker, load_bundle=loads)
    assert compared(store) is None
    loads.broken.clear()
    monkeypatch.setattr("ml.serving.model_store.time.monotonic", lambda: float("inf"))
    assert compared(store) == (2, 1)
    assert store.problem is None


def test_a_trial_whose_challenger_is_gone_compares_nothing(worker: Worker) -> None:
    """Not the watch that it interrupts either: the ledger's comparison is the trial."""
    worker.promote(worker.store(another(2.0)), version=2, **WATCHED)
    broken = worker.store(another(3.0))
    store = store_of(worker, load_bundle=Loads(broken))
    assert compared(store) == (2, 1)
    worker.challenge(broken, version=3, share=0.5, **WATCHED)
    assert compared(store) is None


def test_while_postgresql_is_away_the_comparison_goes_on(worker: Worker) -> None:
    store = store_of(worker)
    worker.promote(worker.store(another(2.0)), version=2, **WATCHED)
    assert compared(store) == (2, 1)
    worker.services.database.down = True
    assert compared(store) == (2, 1)
    alone = store_of(worker)
    assert (refreshed(alone), compared(alone)) == (2, None)
    worker.services.database.down = False
    assert compared(alone) == (2, 1)


def test_a_switch_that_nobody_told_of_is_found_by_polling(worker: Worker) -> None:
    class Deaf:
        """News that never come; `wait` takes as long as it may."""

        def __init__(self) -> None:
            self._closed = threading.Event()

        def wait(self, seconds: float) -> None:
            self._closed.wait(seconds)

        def close(self) -> None:
            self._closed.set()

    worker.services.ledger_news = Deaf()  # type: ignore[assignment]  # a fake
    store = store_of(worker, refresh_seconds=0.02)
    store.start()
    worker.challenge(worker.store(another(2.0)), version=2, share=0.5, **WATCHED)
    eventually(lambda: bool(store.current() and store.current().comparison))
    worker.roll_back(version=2)
    eventually(lambda: store.current().trial is None and store.current().comparison is None)
    store.stop()


def test_what_is_withdrawn_while_it_loads_is_never_served(worker: Worker) -> None:
    def rolled_back_meanwhile(files: Mapping[str, bytes]) -> ModelBundle:
        if digest_files(files) == digest:
            worker.roll_back(version=2)
        seen.append(store.current())
        return ModelBundle.from_files(files)

    seen: list[ServedRollout | None] = []
    store = store_of(worker, load_bundle=rolled_back_meanwhile)
    digest = worker.store(another(2.0))
    worker.challenge(digest, version=2, share=1.0)
    assert on_trial(store) is None
    assert all(each.trial is None for each in seen if each)
    assert on_trial(store) is None


def test_a_new_champion_ends_the_trial_even_where_it_cannot_be_loaded(worker: Worker) -> None:
    """Answers of a trial that is over would be counted against the wrong champion."""
    broken = worker.store(another(3.0))
    store = store_of(worker, load_bundle=Loads(broken))
    worker.challenge(worker.store(another(2.0)), version=2, share=0.5)
    assert on_trial(store) == 2
    worker.promote(broken, version=3)
    assert (refreshed(store), on_trial(store)) == (1, None)
    assert "version 3 can't be loaded" in str(store.problem)


def test_while_postgresql_is_away_the_trial_goes_on(worker: Worker) -> None:
    store = store_of(worker)
    worker.challenge(worker.store(another(2.0)), version=2, share=0.5)
    refreshed(store)
    worker.services.database.down = True
    assert (refreshed(store), on_trial(store)) == (1, 2)
    assert "last known champion" in str(store.problem)


def test_a_switch_is_heard_of_long_before_the_next_poll(worker: Worker) -> None:
    store = store_of(worker)
    store.start()
    worker.challenge(worker.store(another(2.0)), version=2, share=0.5)
    eventually(lambda: bool(store.current() and store.current().trial))
    worker.roll_back(version=2)
    eventually(lambda: store.current().trial is None)
    started = time.monotonic()
    store.stop()
    assert time.monotonic() - started < 1


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


def test_champion_and_former_champion_are_kept_on_disk(worker: Worker) -> None:
    store = store_of(worker)
    refreshed(store)
    digests = [worker.publish(another(float(version)), version=version) for version in (2, 3)]
    refreshed(store)
    folders = [path.name for path in (worker.settings.state / "bundles").iterdir() if path.is_dir()]
    assert sorted(folders) == sorted(digests)


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"since": 1}', "null"])
def test_a_damaged_record_of_the_champion_is_no_champion(tmp_path: Path, record: str) -> None:
    (tmp_path / "champion.json").write_text(record)
    assert BundleCopies(tmp_path).last_champion() is None


def test_a_request_is_answered_by_one_model_while_models_are_swapped(worker: Worker) -> None:
    """Versions alternate between a sharp and a flat bundle while batches are answered."""
    sharp, flat = worker.publish(another(1.0), version=2), worker.publish(another(50.0), version=3)
    worker.client.get("/readyz")
    done = threading.Event()

    def alternate() -> None:
        version = 4
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
        assert doubtful == {version % 2 == 1}
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

    monkeypatch.setattr(worker.services.ledger, "rollout", broken)
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
