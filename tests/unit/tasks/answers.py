"""Versions that learnt from labels that can be told, and answers that they gave."""

import json

from ml.domain.labels import Label, LabelSource
from ml.domain.ports import Candidate
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.models.files import bundle_prefix, save_files
from ml.tasks.rollout import challenge, promote
from ml.training.snapshot import freeze_snapshot
from tests.fakes import FakeServices
from tests.unit.tasks.rollouts import at

PRODUCTS = {name: Product(name, f"title of {name}", "", None, at(0)) for name in ("p1", "p2", "p3")}


def label(product: str, category: str, reviewer: str, hours: float) -> Label:
    """What the catalogue or a reviewer says of one of the products."""
    return Label(
        product_id=product,
        product_digest=PRODUCTS[product].digest,
        category=category,
        label_space_version=1,
        source=LabelSource.IMPORT if reviewer == "catalogue" else LabelSource.REVIEW,
        reviewer=reviewer,
        labelled_at=at(hours),
        inclusion_probability=1.0,
    )


def learnt(services: FakeServices) -> FakeServices:
    """Version 1 learnt from a catalogue, version 2 from two reviews as well; 2 is on trial."""
    services.label_spaces.extend(["books", "shoes"], cause="test", at=at(0))
    catalogue = [label("p1", "books", "catalogue", 0), label("p2", "shoes", "catalogue", 0)]
    catalogue.append(label("p3", "shoes", "catalogue", 0))
    services.labels.append(catalogue, list(PRODUCTS.values()))
    _train(services, 1)
    services.labels.append([label("p1", "shoes", "anna", 2), label("p3", "books", "ben", 3)])
    _train(services, 10)
    terms = {"reason": "as good", "actor": "test"}
    promote(services, 1, at=at(4), key="promotion", **terms)
    challenge(services, 2, at=at(11), key="trial", **terms)
    return services


def _train(services: FakeServices, hours: float) -> None:
    """The next version, from the labels of that time."""
    space = services.label_spaces.current()
    snapshot = freeze_snapshot(
        services.labels.read(at(hours)),
        as_of=at(hours),
        label_space=space,
        objects=services.objects,
        index=services.snapshots,
    )
    name = f"bundle-{1 if hours == 1 else 2}"
    files = {"bundle.json": json.dumps({"info": {"snapshot_digest": snapshot.digest}}).encode()}
    save_files(services.objects, bundle_prefix(name), files)
    services.registry.register(
        Candidate(
            key=name,
            bundle_digest=name,
            files=files,
            reports={},
            params={},
            metrics={},
            tags={"regain.snapshot": snapshot.digest},
            snapshot=snapshot,
            label_space=space,
            as_of=at(hours),
        )
    )


def answered(services: FakeServices, prediction_id: str, *, version: int) -> Prediction:
    """An answer of a version, put before people."""
    prediction = Prediction(
        prediction_id=prediction_id,
        product=Product("p9", "[red] shoe", "", None, at(0)),
        model_version=version,
        arm=Arm.CHALLENGER if version == 2 else Arm.CHAMPION,
        label_space_version=1,
        probabilities=(0.9, 0.1),
        category="books",
        confidence=0.9,
        predicted_at=at(12),
        selections=(ReviewSelection(prediction_id, SelectionReason.AUDIT, 0.01, 0.01),),
        experiment="trial-2",
    )
    services.predictions.append([prediction])
    return prediction
