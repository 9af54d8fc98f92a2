"""The image model on real pictures, with pretrained features and from scratch."""

import csv

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml.domain.digests import digest_bytes
from ml.domain.labels import LabelSpace
from ml.models.backbone import BackboneSpec, load_backbone
from ml.stats.weighting import confusion_matrix, weighted_f1
from ml.training.image import ImageTraining, train_image
from tests.fakes import InMemoryObjectStore
from tests.shared_data import CATALOGUES, WEIGHTS
from tests.unit.training.studio import table

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]


@pytest.fixture(scope="module")
def flipkart():
    """Train, validation and test rows (parts by title) and the pictures by digest."""
    folder, pictures, products = CATALOGUES / "flipkart", {}, []
    with (folder / "products.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "images" / row["image"]
            if row["image"] and path.is_file():
                data = path.read_bytes()
                pictures[digest_bytes(data)] = data
                draw = int(digest_bytes(row["title"].lower().encode()), 16) % 100
                part = 0 if draw < 65 else 1 if draw < 80 else 2
                products.append((part, (row["product_id"], row["category"], digest_bytes(data))))
    parts = [
        table([product for part, product in products if part == wanted]) for wanted in range(3)
    ]
    return parts, pictures


# Far enough under what was measured that another machine passes, far over the 0.14 of chance.
@pytest.mark.parametrize(("pretrained", "least_f1"), [(True, 0.68), (False, 0.38)])
def test_pictures_alone_tell_real_products_apart(flipkart, pretrained, least_f1):
    (learning, choosing, judged), pictures = flipkart
    space = LabelSpace(1, tuple(sorted(set(learning["category"].to_pylist()))))
    spec = BackboneSpec("mobilenetv2_100", 128, options={"pad_type": "same"})
    trained = train_image(
        learning,
        choosing,
        label_space=space,
        backbone=load_backbone(spec, WEIGHTS.read_bytes(), device=torch.device("cpu"))
        if pretrained
        else None,
        objects=InMemoryObjectStore(),
        picture_of=pictures.__getitem__,
        settings=ImageTraining(device="cpu"),
        seed=42,
    )
    assert trained is not None
    model, report = trained
    assert f1(model, judged, pictures) > least_f1
    members = [value for name, value in report.items() if name.startswith("weighted_f1_")]
    assert report["weighted_f1_vote"] > max(members) - 0.05


def f1(model, rows: pa.Table, pictures: dict[str, bytes]) -> float:
    answers = model.predict_proba([pictures[digest] for digest in rows["picture"].to_pylist()])
    space = model.label_space
    targets = np.array([space.index(name) for name in rows["category"].to_pylist()])
    confusion = confusion_matrix(
        targets, answers.argmax(axis=1), np.ones(len(targets)), classes=len(space)
    )
    return weighted_f1(confusion)
