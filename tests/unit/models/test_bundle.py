import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ml.domain.errors import InvalidInput
from ml.models.bundle import BUNDLE_FILE, ModelBundle, ModelInput
from tests.unit.training.answers import SpokenPictures, bundle, spoken

TEXT = ModelInput("console manette", "", None)
PICTURE = ModelInput("", "", spoken(0.6, 0.3, 0.1))
BOTH = ModelInput("console manette", "", spoken(0.6, 0.3, 0.1))
BROKEN = ModelInput("", "", b"not a picture")
NOTHING = ModelInput("", "<br>", None)


@pytest.fixture(scope="module")
def text_bundle():
    return bundle()


@pytest.fixture(scope="module")
def full_bundle():
    return bundle(image=SpokenPictures())


def test_both_modalities_are_weighed(full_bundle):
    answer = full_bundle.predict([BOTH])
    np.testing.assert_allclose(answer.probabilities, (answer.text + answer.image) / 2)


def test_a_missing_modality_is_a_nan_row_and_the_other_decides(full_bundle):
    answer = full_bundle.predict([TEXT, PICTURE, BOTH])
    assert np.isnan(answer.image[0]).all()
    assert np.isnan(answer.text[1]).all()
    np.testing.assert_allclose(answer.probabilities[0], answer.text[0])
    np.testing.assert_allclose(answer.probabilities[1], [0.6, 0.3, 0.1])
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1)


def test_an_unreadable_picture_is_as_good_as_none(full_bundle):
    broken = replace(TEXT, picture=BROKEN.picture)
    np.testing.assert_array_equal(
        full_bundle.predict([broken]).probabilities, full_bundle.predict([TEXT]).probabilities
    )


@pytest.mark.parametrize("bad", [BROKEN, NOTHING])
def test_the_first_input_without_anything_usable_is_named(full_bundle, bad):
    with pytest.raises(InvalidInput, match="input 1 has neither"):
        full_bundle.predict([BOTH, bad, NOTHING])
    assert np.isnan(full_bundle.predict_usable([BOTH, bad]).probabilities[:, 0]).tolist() == [
        False,
        True,
    ]


def test_a_bundle_without_image_model_reads_text_only(text_bundle):
    answer = text_bundle.predict([BOTH])
    assert np.isnan(answer.image).all()
    np.testing.assert_allclose(answer.probabilities, answer.text)
    with pytest.raises(InvalidInput, match="text only"):
        text_bundle.predict([PICTURE])


def test_the_temperature_flattens_the_final_answer_only(full_bundle):
    plain = full_bundle.predict([BOTH])
    flat = replace(full_bundle, temperature=3.0).predict([BOTH])
    assert flat.probabilities.max() < plain.probabilities.max()
    np.testing.assert_array_equal(flat.text, plain.text)


def test_no_inputs_no_answers(full_bundle):
    assert full_bundle.predict([]).probabilities.shape == (0, 3)


def test_a_loaded_bundle_answers_exactly_alike(text_bundle):
    files = text_bundle.to_files()
    loaded = ModelBundle.from_files(files)
    np.testing.assert_array_equal(
        loaded.predict([TEXT]).probabilities, text_bundle.predict([TEXT]).probabilities
    )
    assert loaded.to_files() == files
    assert (loaded.info, loaded.fusion) == (text_bundle.info, text_bundle.fusion)
    assert (loaded.label_space, loaded.temperature) == (text_bundle.label_space, 1.0)


def test_the_description_is_readable_by_people_and_programs(text_bundle):
    description = json.loads(text_bundle.to_files()[BUNDLE_FILE])
    assert description["format"] == 1
    assert description["label_space"] == {"version": 1, "classes": ["books", "games", "garden"]}
    assert description["fusion"] == {"image_weight": 0.5}
    assert description["info"]["snapshot_digest"] == "snapshot"


def test_a_missing_description_or_another_format_is_refused_with_a_remedy(text_bundle):
    files = text_bundle.to_files()
    newer = files[BUNDLE_FILE].replace(b'"format": 1', b'"format": 2')
    with pytest.raises(InvalidInput, match=r"format 2.*retrain"):
        ModelBundle.from_files(files | {BUNDLE_FILE: newer})
    del files[BUNDLE_FILE]
    with pytest.raises(InvalidInput, match=r"bundle\.json.*retrain"):
        ModelBundle.from_files(files)


def test_a_text_bundle_is_loaded_without_torch(text_bundle, tmp_path):
    for name, data in text_bundle.to_files().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ml.models.bundle import ModelBundle, ModelInput\n"
        f"root = Path({str(tmp_path)!r})\n"
        "paths = [path for path in root.rglob('*') if path.is_file()]\n"
        "files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}\n"
        "ModelBundle.from_files(files).predict([ModelInput('console', '', None)])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
