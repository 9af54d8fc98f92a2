"""The tasks of one retraining, in order, over fakes: killed, repeated and refused."""

from pathlib import Path

import pytest

from ml.domain.decisions import LedgerAction
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.labels import Part
from ml.tasks.collect_labels import collect_labels
from ml.tasks.dataset import load_dataset
from ml.tasks.release import gate
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.installation import (
    AS_OF,
    assess,
    end_trial,
    hours,
    import_titles,
    retrain,
    train,
)
from tests.unit.tasks.kills import Kill

WRITES = {
    "objects": ("put",),
    "splits": ("record",),
    "snapshots": ("record",),
    "registry": ("register", "tag", "set_alias"),
    "ledger": ("append",),
    "label_spaces": ("extend",),
    "labels": ("append",),
}


@pytest.fixture
def empty(tmp_path: Path) -> FakeServices:
    return FakeServices(Settings(state=tmp_path, seed=7))


@pytest.fixture
def services(empty: FakeServices) -> FakeServices:
    import_titles(empty, range(240))
    return empty


def test_the_first_version_becomes_champion(services: FakeServices) -> None:
    assert retrain(services) == "promote"
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    assert services.registry.aliases() == {"champion": 1}
    version = services.registry.get(1)
    assert version.metrics["fused_weighted_f1"] > 0.95
    assert version.tags["regain.gate"].startswith("admitted")


def test_every_task_twice_doubles_nothing(services: FakeServices) -> None:
    retrain(services)
    retrain(services)
    assert len(services.ledger.history()) == 1
    with pytest.raises(NotFound):
        services.registry.get(2)


def _import_and_retrain(services: FakeServices) -> None:
    import_titles(services, range(120))
    retrain(services)


def _killed(state: Path, number: int, *, before: bool) -> FakeServices:
    """An installation whose first retraining, from the import on, died at one of its writes."""
    services, kill = FakeServices(Settings(state=state, seed=7)), Kill(WRITES, number, before)
    with kill.among(services), pytest.raises(KeyboardInterrupt):
        _import_and_retrain(services)
    assert len(kill.writes) == number
    return services


def _end(services: FakeServices) -> tuple[object, ...]:
    """Everything that a finished retraining leaves behind."""
    (entry,) = services.ledger.history()
    objects = {key: services.objects.get(key) for key in services.objects.list("bundles/")}
    with pytest.raises(NotFound):
        services.registry.get(2)
    return (
        (entry.entry_id, entry.change.action, entry.change.model_version),
        services.registry.files(1),
        services.registry.aliases(),
        services.registry.get(1).tags["regain.gate"].split(":")[0],
        objects,
        services.database.labels,
        services.database.split_products,
        list(services.database.snapshots),
    )


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_any_write_the_next_attempt_ends_the_same(tmp_path: Path, before: bool) -> None:
    whole, counted = FakeServices(Settings(state=tmp_path, seed=7)), Kill(WRITES)
    with counted.among(whole):
        _import_and_retrain(whole)
    kinds = {f"{service}.{method}" for service, methods in WRITES.items() for method in methods}
    assert set(counted.writes) == kinds, "a write is not counted, or never happens"
    for number, name in enumerate(counted.writes, start=1):
        services = _killed(tmp_path, number, before=before)
        _import_and_retrain(services)
        champion = services.ledger.champion()
        assert champion is not None, (number, name)
        assert champion.model_version == 1, (number, name)
        assert services.registry.aliases() == {"champion": 1}, (number, name)
        assert _end(services) == _end(whole), (number, name)


def test_labels_after_as_of_are_not_learnt(services: FakeServices) -> None:
    early = hours(100).isoformat()
    snapshot = collect_labels(as_of=early, services=services)
    assert sorted(_products(services, snapshot)) == [f"p{number:05d}" for number in range(101)]


def test_a_worse_candidate_is_refused_and_the_champion_stays(services: FakeServices) -> None:
    retrain(services)
    import_titles(services, range(240, 1140), noise=0.5)
    assert retrain(services, "run-2") == "refuse"
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    refusal = services.ledger.history()[-1].change
    assert refusal.action is LedgerAction.REFUSE
    assert "weighted F1" in refusal.reason or "calibration" in refusal.reason
    assert services.registry.aliases() == {"champion": 1}
    assert services.registry.get(2).tags["regain.gate"].startswith("refused")


def test_a_better_candidate_is_tried_and_can_serve(services: FakeServices) -> None:
    import_titles(services, range(240, 360), noise=0.5)
    retrain(services)
    import_titles(services, range(400, 1300))
    assert retrain(services, "run-2") == "challenge"
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    assert services.registry.get(2).tags["regain.gate"].startswith("admitted")
    end_trial(services)
    assert services.registry.aliases() == {"champion": 2}


def test_a_champion_that_changed_in_between_stops_the_gate(services: FakeServices) -> None:
    retrain(services)
    import_titles(services, range(240, 300))
    version, evaluation = assess(services, *train(services))
    import_titles(services, range(300, 360))
    retrain(services, "by-hand")
    end_trial(services)
    with pytest.raises(InvalidInput, match="clear the task evaluate"):
        gate(version=version.version, evaluation_key=evaluation, services=services)


def test_no_product_changes_its_part_from_run_to_run(services: FakeServices) -> None:
    first = collect_labels(as_of=AS_OF, services=services)
    before = {p: services.splits.parts_of_products([p])[p] for p in _products(services, first)}
    import_titles(services, range(240, 360))
    collect_labels(as_of=AS_OF, services=services)
    after = services.splits.parts_of_products(list(before))
    assert after == before
    assert {Part.TRAIN, Part.VALIDATION, Part.TEST} <= set(after.values())


def _products(services: FakeServices, snapshot: str) -> list[str]:
    data = load_dataset(services, snapshot)
    return [
        product_id
        for part in (data.train, data.validation, data.test)
        for product_id in part["product_id"].to_pylist()
    ]


def test_nothing_labelled_says_what_to_do(empty: FakeServices) -> None:
    with pytest.raises(InvalidInput, match="import a catalogue"):
        collect_labels(as_of=AS_OF, services=empty)
