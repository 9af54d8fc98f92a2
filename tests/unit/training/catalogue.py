"""A small synthetic catalogue in the columns of a snapshot, for the tests of this folder."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from ml.domain.digests import digest_of
from ml.domain.labels import LabelSpace
from ml.training.snapshot import SNAPSHOT_SCHEMA

SPACE = LabelSpace(1, ("books", "games", "garden"))
WORDS = {
    "books": ["roman", "poche", "édition", "tome", "auteur"],
    "games": ["console", "manette", "jeu", "joueur", "arcade"],
    "garden": ["pelle", "tondeuse", "piscine", "arrosoir", "serre"],
}
COMMON = ["neuf", "lot", "rouge", "bleu", "grand", "petit", "occasion"]
START = datetime(2024, 1, 1, tzinfo=UTC)


def row(product_id: str, category: str, **columns) -> dict:
    """One snapshot row; columns that are not given are derived or plain."""
    given = {"title": f"title of {product_id}", "description": "", "picture": None} | columns
    return {
        "product_id": product_id,
        "product_digest": digest_of(given["title"], given["description"], given["picture"]),
        "category": category,
        "label_id": f"label of {product_id}",
        "label_ids": [f"label of {product_id}"],
        "labelled_at": START,
        "source": "import",
        "inclusion_probability": 1.0,
        "listed_at": START,
        **given,
    }


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SNAPSHOT_SCHEMA)


def catalogue(size: int, *, seed: int, noise: float = 0.1) -> pa.Table:
    """Products whose words tell their category, but for a share of `noise` that say another's."""
    rng = random.Random(seed)
    rows = []
    for i in range(size):
        category = rng.choice(SPACE.classes)
        spoken = category if rng.random() > noise else rng.choice(SPACE.classes)
        words = rng.sample(WORDS[spoken], 2) + rng.sample(COMMON, 3)
        rng.shuffle(words)
        rows.append(
            row(
                f"p{seed}-{i:04}",
                category,
                title=" ".join(words[:3]),
                description=" ".join(words[3:]) if rng.random() < 0.65 else "",
                listed_at=START + timedelta(days=i),
            )
        )
    return table(rows)
