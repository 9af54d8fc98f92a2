"""A category that is named between two retrainings: learnt by the next, unknown to the champion."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from ml.domain.digests import digest_files
from ml.domain.labels import SnapshotRef
from ml.models.bundle import ModelBundle, ModelInput
from ml.models.files import bundle_prefix, load_files
from ml.tasks.collect_labels import collect_labels
from ml.tasks.dataset import load_dataset
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.installation import (
    AS_OF,
    START,
    WORDS,
    end_trial,
    figures,
    hours,
    import_titles,
    retrain,
    title,
    train,
)

BEFORE = hours(200).isoformat()


def _installation(tmp_path: Path) -> FakeServices:
    return FakeServices(Settings(state=tmp_path, seed=7))


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    """160 products of two categories, of which the last one came at hour 159."""
    services = _installation(tmp_path)
    import_titles(services, range(160))
    return services


def _frozen(services: FakeServices, as_of: str) -> SnapshotRef:
    return services.snapshots.get(collect_labels(as_of=as_of, services=services))


def _champion(services: FakeServices) -> ModelBundle:
    champion = services.ledger.champion()
    assert champion is not None
    files = load_files(services.objects, bundle_prefix(champion.bundle_digest))
    assert digest_files(files) == champion.bundle_digest
    return ModelBundle.from_files(files)


def _answers(bundle: ModelBundle, category: str) -> Counter[str]:
    """What the bundle says to 20 titles of one category that it has never seen."""
    inputs = [ModelInput(title(category, number), "", None) for number in range(5000, 5020)]
    rows = bundle.predict(inputs).probabilities.argmax(axis=1)
    return Counter(bundle.label_space.classes[row] for row in rows)


def test_a_category_named_between_two_runs_is_learnt_by_the_second(services: FakeServices) -> None:
    assert retrain(services, "run-1", BEFORE) == "promote"
    assert _champion(services).label_space.classes == ("books", "shoes")
    import_titles(services, range(300, 400), categories=["lamps"])
    assert retrain(services, "run-2") == "challenge"
    end_trial(services)
    bundle = _champion(services)
    assert (bundle.label_space.version, bundle.label_space.classes) == (
        2,
        ("books", "shoes", "lamps"),
    )
    for category in WORDS:
        assert _answers(bundle, category).most_common(1)[0][0] == category
    entries = services.ledger.history()
    assert [entry.change.label_space_version for entry in entries] == [1, 2, 2]


def test_the_older_champion_misses_every_row_of_the_new_class(services: FakeServices) -> None:
    """Titles tell everything, so on the classes both know neither makes a mistake."""
    retrain(services, "run-1", BEFORE)
    import_titles(services, range(300, 400), categories=["lamps"])
    retrain(services, "run-2")
    entry = services.ledger.history()[-1].change
    rows = load_dataset(services, collect_labels(as_of=AS_OF, services=services)).test
    counts = Counter(rows["category"].to_pylist())
    shared = counts["books"] + counts["shoes"]
    assert counts["lamps"] > 0
    numbers = figures(entry)
    for side in ("candidate", "champion"):
        assert numbers[f"{side}_rows"] == rows.num_rows
        assert numbers[f"{side}_shared_rows"] == shared
    assert numbers["candidate_weighted_f1"] == pytest.approx(1.0)
    assert numbers["candidate_shared_weighted_f1"] == pytest.approx(1.0)
    assert numbers["champion_shared_weighted_f1"] == pytest.approx(1.0)
    # No class it knows can score above 1, and the new one scores 0.
    assert 0 < numbers["champion_weighted_f1"] <= shared / rows.num_rows


def test_a_candidate_worse_on_shared_classes_is_refused_for_them(services: FakeServices) -> None:
    """The new class lifts it on all rows; what the champion could do counts on its own."""
    retrain(services, "run-1", BEFORE)
    import_titles(services, range(300, 900), categories=["lamps"])
    import_titles(services, range(1000, 1400), noise=0.5)
    assert retrain(services, "run-2") == "refuse"
    refusal = services.ledger.history()[-1].change
    numbers = figures(refusal)
    assert numbers["candidate_weighted_f1"] > numbers["champion_weighted_f1"]
    assert numbers["candidate_shared_weighted_f1"] < numbers["champion_shared_weighted_f1"]
    assert "shared classes" in refusal.reason
    assert _champion(services).label_space.version == 1


def test_a_category_named_after_as_of_leaves_the_snapshot_as_it_was(
    services: FakeServices, tmp_path: Path
) -> None:
    before = _frozen(services, BEFORE)
    import_titles(services, range(300, 340), categories=["lamps"])
    assert services.label_spaces.current().version == 2
    assert _frozen(services, BEFORE) == before
    assert before.label_space_version == 1

    # Nor does it matter that nobody froze it before: a month can be replayed on another machine.
    elsewhere = _installation(tmp_path)
    import_titles(elsewhere, range(160))
    import_titles(elsewhere, range(300, 340), categories=["lamps"])
    assert _frozen(elsewhere, BEFORE) == before
    assert _frozen(elsewhere, AS_OF).label_space_version == 2


def test_a_run_for_an_earlier_time_makes_the_same_bundle(
    services: FakeServices, tmp_path: Path
) -> None:
    _, bundle, _ = train(services, BEFORE)
    elsewhere = _installation(tmp_path)
    import_titles(elsewhere, range(160))
    import_titles(elsewhere, range(300, 340), categories=["lamps"])
    assert train(elsewhere, BEFORE)[1] == bundle


def test_a_snapshot_has_the_newest_version_of_its_own_labels(services: FakeServices) -> None:
    services.label_spaces.extend(["lamps"], cause="named, not yet used", at=START)
    assert _frozen(services, AS_OF).label_space_version == 1
    import_titles(services, range(300, 301))  # books or shoes, said when lamps were known
    found = _frozen(services, AS_OF)
    assert found.label_space_version == 2
    assert load_dataset(services, found.digest).label_space.classes == ("books", "shoes", "lamps")


@pytest.mark.parametrize(("seconds", "version"), [(-1, 1), (0, 2)])
def test_a_label_given_at_as_of_counts(services: FakeServices, seconds: int, version: int) -> None:
    import_titles(services, range(300, 340), categories=["lamps"])
    as_of = hours(300) + timedelta(seconds=seconds)
    assert _frozen(services, as_of.isoformat()).label_space_version == version
