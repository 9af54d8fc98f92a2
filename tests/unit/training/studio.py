"""A small catalogue of drawn pictures in memory, and a cheap way to train on it."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch

from ml.domain.digests import digest_bytes
from ml.domain.errors import NotFound
from ml.domain.labels import LabelSpace
from ml.models.backbone import Backbone, BackboneSpec, build_module
from ml.training.image import ImageTraining, train_image
from tests.fakes import InMemoryObjectStore
from tests.unit.models.drawings import CATEGORIES, draw

SPACE = LabelSpace(4, ("unseen", *reversed(CATEGORIES), "rare"))
QUICK = ImageTraining(scratch_image_size=32, scratch_epochs=4, finetune_epochs=1, device="cpu")


@dataclass
class Album:
    """Pictures by digest; counts how often each is read."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def add(self, picture: bytes) -> str:
        digest = digest_bytes(picture)
        self.pictures[digest] = picture
        return digest

    def __call__(self, digest: str) -> bytes:
        self.reads.append(digest)
        if digest not in self.pictures:
            raise NotFound(f"no picture {digest}")
        return self.pictures[digest]


def rows(album: Album, count: int, *, seed: int, categories=CATEGORIES) -> pa.Table:
    """Products of the categories in turn, each with a drawing of its own."""
    rng = np.random.default_rng(seed)
    names = [categories[i % len(categories)] for i in range(count)]
    return table([(f"p{seed}-{i:03}", n, album.add(draw(n, rng))) for i, n in enumerate(names)])


def table(products: list[tuple[str, str, str | None]]) -> pa.Table:
    ids, categories, pictures = zip(*products, strict=True)
    return pa.table(
        {
            "product_id": pa.array(ids, pa.string()),
            "category": pa.array(categories, pa.string()),
            "picture": pa.array(pictures, pa.string()),
            "inclusion_probability": pa.array([1.0] * len(ids), pa.float64()),
        }
    )


def tiny_backbone(device: str = "cpu") -> Backbone:
    """An untrained timm network: its random features are enough to tell the drawings apart."""
    spec = BackboneSpec("test_resnet", 32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Backbone(spec, build_module(spec), device=torch.device(device))


def train(train_rows, validation_rows, album, *, backbone=None, objects=None, **changes):
    arguments = {
        "label_space": SPACE,
        "backbone": backbone,
        "objects": objects or InMemoryObjectStore(),
        "picture_of": album,
        "settings": QUICK,
        "seed": 42,
        "progress": lambda message: None,
    }
    return train_image(train_rows, validation_rows, **(arguments | changes))
