"""The tasks of one retraining, in order, over fakes: killed, repeated and refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from ml.domain.decisions import LedgerAction
from ml.domain.errors import InvalidInput, RegainError
from ml.domain.labels import Label, LabelSource, Part
from ml.domain.products import Product
from ml.tasks.collect_labels import collect_labels
from ml.tasks.dataset import load_dataset
from ml.tasks.evaluate import evaluate, register
from ml.tasks.fuse import fuse
from ml.tasks.release import gate, promote
from ml.tasks.train_image import train_image
from ml.tasks.train_text import train_text
from ml.wiring.config import Settings
from tests.fakes.services import FakeServices

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = (START + timedelta(days=300)).isoformat()
WORDS = {"books": ["novel", "page", "author"], "shoes": ["sole", "lace", "heel"]}


@pytest.fixture
def services(tmp_path) -> FakeServices:
    services = FakeServices(Settings(state=tmp_path, seed=7))
    _label(services, count=240, noise=0.0)
    return services


def _label(services: FakeServices, *, count: int, noise: float, start: int = 0) -> None:
    """Import products whose titles name their category, but for a share of swapped labels."""
    space = services.label_spaces.extend(WORDS, cause="test", at=START)
    rng = Random(start)
    products, labels = [], []
    for index in range(start, start + count):
        truth = rng.choice(sorted(WORDS))
        title = f"{rng.choice(WORDS[truth])} {rng.choice(WORDS[truth])} {index}"
        at = START + timedelta(hours=index)
        product = Product(f"p{index:05d}", title, "", None, at)
        swapped = rng.random() < noise
        category = next(name for name in WORDS if (name == truth) != swapped)
        products.append(product)
        labels.append(
            Label(
                product_id=product.product_id,
                product_digest=product.digest,
                category=category,
                label_space_version=space.version,
                source=LabelSource.IMPORT,
                reviewer="catalogue",
                labelled_at=at,
                inclusion_probability=1.0,
            )
        )
    services.labels.append(labels, products)


def _run(services: FakeServices, run_id: str = "run-1", as_of: str = AS_OF) -> str:
    snapshot = collect_labels(as_of=as_of, services=services)
    text = train_text(snapshot, services=services)
    image = train_image(snapshot, services=services)
    bundle = fuse(snapshot, text_key=text, image_key=image, services=services)
    evaluation = evaluate(snapshot, bundle_digest=bundle, services=services)
    version = register(
        snapshot,
        bundle_digest=bundle,
        evaluation_key=evaluation,
        image_key=image,
        services=services,
    )
    gate(version=version, evaluation_key=evaluation, services=services)
    return promote(
        version=version,
        evaluation_key=evaluation,
        as_of=as_of,
        run=run_id,
        services=services,
    )


def test_the_first_version_becomes_champion(services: FakeServices) -> None:
    assert _run(services) == "promote"
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    assert services.registry.aliases() == {"champion": 1}
    version = services.registry.get(1)
    assert version.metrics["fused_weighted_f1"] > 0.95
    assert version.tags["regain.gate"].startswith("admitted")


def test_every_task_twice_doubles_nothing(services: FakeServices) -> None:
    _run(services)
    _run(services)
    assert len(services.ledger.history()) == 1
    with pytest.raises(RegainError):
        services.registry.get(2)


@pytest.mark.parametrize("survives", range(24))
def test_killed_at_any_write_the_next_attempt_ends_the_same(
    services: FakeServices, survives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object store dies after so many writes; then all tasks are cleared and run again."""
    real_put: Callable[[str, bytes], str] = services.objects.put
    writes = iter(range(survives))

    def put(key: str, data: bytes) -> str:
        if next(writes, None) is None:
            raise KeyboardInterrupt
        return real_put(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(services.objects, "put", put)
        try:
            _run(services)
        except KeyboardInterrupt:
            assert services.ledger.champion() is None
    _run(services)
    assert [entry.change.model_version for entry in services.ledger.history()] == [1]


def test_labels_after_as_of_are_not_learnt(services: FakeServices) -> None:
    early = (START + timedelta(hours=100)).isoformat()
    data = load_dataset(services, collect_labels(as_of=early, services=services))
    listed = [
        product_id
        for part in (data.train, data.validation, data.test)
        for product_id in part["product_id"].to_pylist()
    ]
    assert sorted(listed) == [f"p{index:05d}" for index in range(101)]


def test_a_worse_candidate_is_refused_and_the_champion_stays(services: FakeServices) -> None:
    _run(services)
    _label(services, count=900, noise=0.5, start=240)
    assert _run(services, run_id="run-2") == "refuse"
    champion = services.ledger.champion()
    assert champion is not None
    assert champion.model_version == 1
    refusal = services.ledger.history()[-1].change
    assert refusal.action is LedgerAction.REFUSE
    assert "weighted F1" in refusal.reason or "calibration" in refusal.reason
    assert services.registry.aliases() == {"champion": 1}
    assert services.registry.get(2).tags["regain.gate"].startswith("refused")


def test_a_better_candidate_serves(services: FakeServices) -> None:
    _label(services, count=120, noise=0.5, start=240)
    _run(services)
    _label(services, count=900, noise=0.0, start=400)
    assert _run(services, run_id="run-2") == "promote"
    assert services.registry.aliases() == {"champion": 2}


def test_a_champion_that_changed_in_between_stops_the_gate(services: FakeServices) -> None:
    _run(services)
    _label(services, count=60, noise=0.0, start=240)
    snapshot = collect_labels(as_of=AS_OF, services=services)
    text = train_text(snapshot, services=services)
    image = train_image(snapshot, services=services)
    bundle = fuse(snapshot, text_key=text, image_key=image, services=services)
    evaluation = evaluate(snapshot, bundle_digest=bundle, services=services)
    version = register(
        snapshot,
        bundle_digest=bundle,
        evaluation_key=evaluation,
        image_key=image,
        services=services,
    )
    _label(services, count=60, noise=0.0, start=300)
    _run(services, run_id="by-hand")
    with pytest.raises(RegainError, match="clear the task evaluate"):
        gate(version=version, evaluation_key=evaluation, services=services)


def test_no_product_changes_its_part_from_run_to_run(services: FakeServices) -> None:
    first = collect_labels(as_of=AS_OF, services=services)
    before = {p: services.splits.parts_of_products([p])[p] for p in _products(services, first)}
    _label(services, count=120, noise=0.0, start=240)
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


def test_nothing_labelled_says_what_to_do(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="import a catalogue"):
        collect_labels(as_of=AS_OF, services=FakeServices(Settings(state=tmp_path)))
