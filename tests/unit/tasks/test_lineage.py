"""From an answer back to the labels that its model learnt from."""

from collections.abc import Callable
from typing import Any

import pytest

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.errors import NotFound, ServiceUnavailable
from ml.domain.predictions import Arm
from ml.tasks.lineage import lineage
from ml.tasks.rollout import roll_back
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.answers import answered, learnt

ANSWER = "c41e7d0a93b84f26b5d2703e9af86c15"


@pytest.fixture
def services() -> FakeServices:
    """Version 1 serves and version 2 is on trial; each learnt from a snapshot of its own."""
    return learnt(FakeServices(Settings()))


def test_it_leads_to_every_label_and_reviewer(services: FakeServices) -> None:
    answered(services, ANSWER, version=2)
    found = lineage(services, ANSWER)
    assert found.prediction.prediction_id == ANSWER
    assert found.bundle_digest == "bundle-2"
    assert (found.run.run_id, found.run.url) == ("run-2", "memory://registry/runs/run-2")
    assert found.snapshot.rows == 3
    assert found.reviewers == [
        ("import", "catalogue", 3),
        ("review", "anna", 1),
        ("review", "ben", 1),
    ]
    rows = [(row.product_id, row.category, row.reviewer, row.settled) for row in found.labels]
    assert rows == [
        ("p1", "books", "catalogue", False),
        ("p1", "shoes", "anna", True),
        ("p2", "shoes", "catalogue", True),
        ("p3", "shoes", "catalogue", False),
        ("p3", "books", "ben", True),
    ]


def test_labels_given_since_are_not_what_it_learnt_from(services: FakeServices) -> None:
    answered(services, ANSWER, version=1)
    found = lineage(services, ANSWER)
    assert [row.product_id for row in found.labels] == ["p1", "p2", "p3"]
    assert found.snapshot.digest != lineage_of_the_other(services).snapshot.digest


def lineage_of_the_other(services: FakeServices) -> Any:
    answered(services, "other", version=2)
    return lineage(services, "other")


def test_it_tells_who_served_when_and_why(services: FakeServices) -> None:
    answered(services, ANSWER, version=2)
    roll_back(
        services, reason="worse", actor="anna", at=services.ledger.history()[-1].change.at, key="x"
    )
    found = lineage(services, ANSWER)
    assert [entry.change.action for entry in found.entries] == ["challenge", "rollback"]
    (reign,) = found.reigns
    assert (reign.arm, reign.model_version, reign.ended) == (Arm.CHALLENGER, 2, 3)


def test_what_the_other_model_said_is_told(services: FakeServices) -> None:
    prediction = answered(services, ANSWER, version=2)
    score = ShadowScore(
        experiment="trial-2",
        prediction_id=ANSWER,
        product=prediction.product,
        scored_at=prediction.predicted_at,
        candidate=ScoredAnswer("books", 0.9, 12.0),
        baseline=ScoredAnswer("shoes", 0.7),
        label_probability=0.1,
    )
    services.shadows.append([score])
    assert lineage(services, ANSWER).shadow == score


@pytest.mark.parametrize(
    ("away", "fault"),
    [
        (lambda services: services.registry.delete(2), "was deleted in MLflow"),
        (lambda services: setattr(services.registry, "get", _away), "MLflow does not answer"),
    ],
    ids=["deleted", "down"],
)
def test_the_way_to_the_labels_needs_no_registry(
    services: FakeServices, away: Callable[[FakeServices], object], fault: str
) -> None:
    answered(services, ANSWER, version=2)
    away(services)
    found = lineage(services, ANSWER)
    assert found.run.run_id is None
    assert fault in (found.run.fault or "")
    assert len(found.labels) == 5


def _away(_version: int) -> None:
    raise ServiceUnavailable("MLflow does not answer")


def test_what_is_missing_is_named_with_its_remedy(services: FakeServices) -> None:
    with pytest.raises(NotFound, match="take the id of an answer"):
        lineage(services, "nobody")
    answered(services, ANSWER, version=9)
    with pytest.raises(NotFound, match=r"version 9, .* is not in the rollout ledger; restore"):
        lineage(services, ANSWER)
    answered(services, "two", version=2)
    lost = services.database.labels.popitem()
    with pytest.raises(NotFound, match=r"1 labels of snapshot .* restore the backup"):
        lineage(services, "two")
    services.database.labels.update([lost])
    snapshots = dict(services.database.snapshots)
    services.database.snapshots.clear()
    with pytest.raises(NotFound, match=r"label snapshot .* restore the backup"):
        lineage(services, "two")
    services.database.snapshots.update(snapshots)
    services.objects = FakeServices().objects
    with pytest.raises(NotFound, match="bundle bundle-2 is gone from the object store; restore"):
        lineage(services, "two")
