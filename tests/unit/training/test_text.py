import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.domain.digests import digest_files
from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.training.rows import class_indices
from ml.training.text import train_text
from tests.unit.training.catalogue import SPACE, catalogue, row, table

ROOT = Path(__file__).parents[3]
NO_ROWS = table([])


def train(rows, validation=NO_ROWS, *, space=SPACE, seed=42):
    return train_text(rows, validation, label_space=space, seed=seed)


def predict(model, *titles):
    return model.predict_proba(list(titles), [""] * len(titles))


def test_it_learns_what_the_words_say():
    model = train(catalogue(300, seed=1), catalogue(150, seed=2))
    later = catalogue(200, seed=3, noise=0.0)
    answers = model.predict_proba(later["title"].to_pylist(), later["description"].to_pylist())
    assert (answers.argmax(axis=1) == class_indices(later, SPACE)).mean() > 0.97


def test_validation_rows_set_the_confidence():
    honest = train(catalogue(300, seed=1), catalogue(300, seed=2, noise=0.0))
    humbled = train(catalogue(300, seed=1), catalogue(300, seed=2, noise=0.9))
    titles = ["console manette neuf", "pelle serre bleu"]
    assert humbled.temperature > honest.temperature
    assert (predict(humbled, *titles).max(axis=1) < predict(honest, *titles).max(axis=1)).all()


def test_the_same_rows_in_any_order_give_the_same_bytes():
    rows, validation = catalogue(150, seed=1), catalogue(50, seed=2)
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(rows.num_rows)))
    first = train(rows, validation).to_files()
    assert train(shuffled, validation.sort_by("title")).to_files() == first
    assert train(rows.slice(1), validation).to_files() != first


def test_two_processes_with_different_hash_seeds_give_the_same_bytes():
    program = (
        "from ml.domain.digests import digest_files\n"
        "from ml.training.text import train_text\n"
        "from tests.unit.training.catalogue import SPACE, catalogue\n"
        "model = train_text(\n"
        "    catalogue(150, seed=1), catalogue(50, seed=2), label_space=SPACE, seed=42\n"
        ")\n"
        "print(digest_files(model.to_files()))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    here = train(catalogue(150, seed=1), catalogue(50, seed=2)).to_files()
    assert digests == {digest_files(here)}


def test_a_handful_of_rows_is_enough():
    model = train(table([row("a", "books", title="roman"), row("b", "games", title="console")]))
    assert predict(model, "roman", "console").argmax(axis=1).tolist() == [0, 1]
    assert predict(model, "roman")[0, 2] == 0  # never seen


def test_many_rows_that_share_no_term_are_still_read():
    # Pruning leaves nothing here: every term occurs once.
    titles = [hashlib.sha256(str(i).encode()).hexdigest()[:5] for i in range(60)]
    rows = [row(f"p{i:02}", SPACE.classes[i % 3], title=title) for i, title in enumerate(titles)]
    answers = predict(train(table(rows)), *titles).argmax(axis=1)
    assert answers.tolist() == [i % 3 for i in range(60)]


def test_titles_too_short_for_a_word_are_read_by_their_characters():
    letters = {"A": "books", "B": "games"}
    rows = [row(f"{letter}{i}", letters[letter], title=letter) for i in range(3) for letter in "AB"]
    assert predict(train(table(rows)), "A", "B").argmax(axis=1).tolist() == [0, 1]


def test_one_class_is_always_the_answer():
    model = train(table([row("a", "games", title="console"), row("b", "games", title="jeu")]))
    assert predict(model, "roman").tolist() == [[0, 1, 0]]


def test_rows_without_text_are_left_out():
    blank = [row(f"z{i}", "garden", title="", description="<br>") for i in range(5)]
    rows = [row("a", "books", title="roman"), row("b", "games", title="console")]
    assert train(table(rows + blank)).to_files() == train(table(rows)).to_files()


def test_without_any_text_the_shares_are_all_there_is():
    blank = [row(f"p{i}", c, title="") for i, c in enumerate(["books", "books", "games"])]
    model = train(table(blank))
    np.testing.assert_allclose(predict(model, "roman"), [[2 / 3, 1 / 3, 0]], rtol=1e-6)
    assert np.isnan(predict(model, "")).all()


def test_validation_rows_it_cannot_use_leave_the_temperature_alone():
    rows = catalogue(60, seed=1)
    assert train(rows).temperature == 1.0
    assert train(rows, table([row("v", "books", title="")])).temperature == 1.0


def test_no_training_rows_is_an_error_with_a_remedy():
    with pytest.raises(InvalidInput, match="import"):
        train(NO_ROWS)


def test_a_category_outside_the_label_space_is_named():
    with pytest.raises(InvalidInput, match="garden"):
        train(catalogue(60, seed=1), space=LabelSpace(1, ("books", "games")))
