"""Two bundles of which only one reads pictures, held against each other on the same rows."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.digests import digest_bytes
from ml.domain.products import Product, picture_key
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, load_files, save_files
from ml.tasks.artifacts import IMAGE_REPORT, component_prefix
from ml.tasks.collect_labels import collect_labels
from ml.tasks.dataset import load_dataset
from ml.tasks.fuse import fuse
from ml.tasks.release import release
from ml.tasks.train_image import train_image
from ml.tasks.train_text import train_text
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.models.drawings import draw
from tests.unit.tasks.installation import AS_OF, assess, figures, hours, import_products, title

DRAWN = {"books": "bars", "shoes": "discs"}
NO_PICTURES = "text only"
"""Key of an image component without a model, as of a catalogue without pictures."""


@dataclass(frozen=True)
class Trained:
    """A snapshot on which one bundle was trained to read pictures and one to read text only.

    Each is named by its digest and the key of its image component.
    """

    services: FakeServices
    snapshot: str
    test: pa.Table
    reading: tuple[str, str]
    text_only: tuple[str, str]

    def compare(
        self, champion: tuple[str, str], candidate: tuple[str, str]
    ) -> tuple[LedgerChange, LedgerChange]:
        """Promote the one, hold the other against it: what the ledger says of each."""
        services = FakeServices(self.services.settings)
        for name in ("objects", "label_spaces", "labels", "snapshots", "splits"):
            setattr(services, name, getattr(self.services, name))
        for run, bundle in {"champion": champion, "candidate": candidate}.items():
            self._decide(services, bundle, run)
        first, second = (entry.change for entry in services.ledger.history())
        assert first.action is LedgerAction.PROMOTE
        return first, second

    def _decide(self, services: FakeServices, bundle: tuple[str, str], run: str) -> None:
        version, evaluation = assess(services, self.snapshot, *bundle)
        release(
            version=version.version,
            evaluation_key=evaluation,
            as_of=AS_OF,
            run=run,
            services=services,
        )

    def bound_without_pictures(self) -> float:
        """The best weighted F1 there is when rows without a title are missed: precision 1."""
        every = Counter(self.test["category"].to_pylist())
        titled = Counter(self.test.filter(_has_title(self.test))["category"].to_pylist())
        recalls = {category: titled[category] / every[category] for category in every}
        f1 = {category: 2 * recall / (1 + recall) for category, recall in recalls.items()}
        return sum(every[category] * f1[category] for category in every) / self.test.num_rows


def _has_title(rows: pa.Table) -> pa.Array:
    return pa.array([title != "" for title in rows["title"].to_pylist()])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    state: Path = tmp_path_factory.mktemp("state")
    settings = Settings(
        state=state,
        seed=7,
        device="cpu",
        scratch_image_size=32,
        scratch_epochs=4,
        gate_max_calibration_error=1.0,  # a few dozen drawings tell nothing of it
        gate_max_latency_ms=60_000.0,
    )
    services = FakeServices(settings)
    _import_pictures(services, range(180))
    snapshot = collect_labels(as_of=AS_OF, services=services)
    text = train_text(snapshot, services=services)
    image = train_image(snapshot, services=services)
    save_files(services.objects, component_prefix(NO_PICTURES), {IMAGE_REPORT: b"{}"})

    def bundle(image_key: str) -> tuple[str, str]:
        digest = fuse(snapshot, text_key=text, image_key=image_key, services=services)
        return digest, image_key

    test = load_dataset(services, snapshot).test
    return Trained(services, snapshot, test, bundle(image), bundle(NO_PICTURES))


def _import_pictures(services: FakeServices, numbers: range) -> None:
    """Of three products the first has a title only, the second a picture only, the third both."""
    rng = np.random.default_rng(5)
    products = {}
    for number in numbers:
        category = ("books", "shoes")[number // 3 % 2]
        picture = None
        if number % 3:
            drawing = draw(DRAWN[category], rng)
            picture = digest_bytes(drawing)
            services.objects.put(picture_key(picture), drawing)
        name = "" if number % 3 == 1 else title(category, number)
        products[Product(f"p{number:05d}", name, "", picture, hours(number))] = category
    import_products(services, products)


def test_one_bundle_reads_pictures_and_the_other_does_not(trained: Trained) -> None:
    def load(digest: str) -> ModelBundle:
        files = load_files(trained.services.objects, bundle_prefix(digest))
        return ModelBundle.from_files(files)

    assert load(trained.reading[0]).image is not None
    assert load(trained.text_only[0]).image is None
    kinds = {
        (title != "", picture is not None)
        for title, picture in zip(
            trained.test["title"].to_pylist(), trained.test["picture"].to_pylist(), strict=True
        )
    }
    assert kinds == {(True, False), (False, True), (True, True)}


def test_a_candidate_that_reads_pictures_earns_what_a_text_champion_misses(
    trained: Trained,
) -> None:
    _, change = trained.compare(champion=trained.text_only, candidate=trained.reading)
    numbers, rows = figures(change), trained.test.num_rows
    assert numbers["candidate_rows"] == numbers["champion_rows"] == rows
    assert numbers["candidate_shared_rows"] == numbers["champion_shared_rows"] == rows
    assert numbers["champion_weighted_f1"] <= trained.bound_without_pictures()
    assert numbers["candidate_weighted_f1"] > trained.bound_without_pictures()
    assert change.action is LedgerAction.CHALLENGE


def test_a_candidate_that_lost_its_eyes_is_refused(trained: Trained) -> None:
    """It is as good as the champion on every row that it can read, and still worse."""
    _, change = trained.compare(champion=trained.reading, candidate=trained.text_only)
    numbers, rows = figures(change), trained.test.num_rows
    assert numbers["candidate_rows"] == numbers["champion_rows"] == rows
    assert numbers["candidate_weighted_f1"] <= trained.bound_without_pictures()
    assert numbers["champion_weighted_f1"] > trained.bound_without_pictures()
    assert change.action is LedgerAction.REFUSE
    assert "weighted F1" in change.reason


def test_a_row_that_nobody_can_read_is_left_out(trained: Trained) -> None:
    """The first text-only version has no rival, and a picture alone says nothing to it."""
    change, _ = trained.compare(champion=trained.text_only, candidate=trained.reading)
    titled = trained.test.filter(_has_title(trained.test)).num_rows
    assert figures(change)["candidate_rows"] == titled < trained.test.num_rows
