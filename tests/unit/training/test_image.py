from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml.models.image import ImageModel, Source
from tests.fakes import InMemoryObjectStore
from tests.unit.models.drawings import CATEGORIES, draw
from tests.unit.training.studio import QUICK, SPACE, Album, rows, table, tiny_backbone, train

NO_TUNING = replace(QUICK, finetune_epochs=0)
HEADS = {"logistic", "perceptron", "trees", "network"}


@pytest.fixture(scope="module")
def album():
    return Album()


@pytest.fixture(scope="module")
def parts(album):
    return rows(album, 150, seed=1), rows(album, 60, seed=2)


@pytest.fixture(scope="module")
def scratch(parts, album):
    return train(*parts, album)


@pytest.fixture(scope="module")
def on_backbone(parts, album):
    return train(*parts, album, backbone=tiny_backbone())


@pytest.fixture(params=["scratch", "on_backbone"])
def trained(request):
    return request.getfixturevalue(request.param)


def fresh(count: int = 60):
    rng = np.random.default_rng(9)
    names = [CATEGORIES[i % 3] for i in range(count)]
    return [draw(name, rng) for name in names], np.array([SPACE.index(name) for name in names])


def test_it_learns_what_can_be_seen(trained):
    model, report = trained
    pictures, targets = fresh()
    assert (model.predict_proba(pictures).argmax(axis=1) == targets).mean() > 0.8
    assert report["weighted_f1_vote"] > 0.8
    assert {name.removeprefix("vote_weight_") for name in report if "vote_weight" in name} == HEADS
    assert report["train_rows"] == 150


def test_unlearnt_classes_have_no_probability(trained):
    probabilities = trained[0].predict_proba(fresh()[0])
    assert (probabilities[:, [SPACE.index("unseen"), SPACE.index("rare")]] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_same_rows_in_any_order_and_seed_give_the_same_model(parts, album, scratch):
    shuffled = [part.take(np.random.default_rng(3).permutation(part.num_rows)) for part in parts]
    again, report = train(*shuffled, album)
    assert again.to_files() == scratch[0].to_files()
    assert report == scratch[1]


def test_another_seed_gives_another_model(parts, album, scratch):
    other, _ = train(*parts, album, seed=43)
    assert other.to_files() != scratch[0].to_files()


def test_a_second_training_on_a_backbone_is_the_same_and_reads_nothing_twice(parts, album):
    objects, backbone = InMemoryObjectStore(), tiny_backbone()
    changes = {"backbone": backbone, "objects": objects}
    first, _ = train(*parts, album, **changes, settings=NO_TUNING)
    album.reads.clear()
    second, _ = train(*parts, album, **changes, settings=NO_TUNING)
    assert album.reads == []
    assert second.to_files() == first.to_files()
    assert second.tuned is None


def test_the_tuned_network_is_stored_only_when_it_votes(on_backbone):
    model, report = on_backbone
    votes = any(member.source is Source.TUNED for member in model.members)
    assert votes == (report["vote_weight_network"] > 0)
    assert (model.tuned is not None) == votes == ("image/tuned.safetensors" in model.to_files())


def test_unusable_rows_are_left_out(parts, album, scratch):
    extra = table(
        [
            ("a", "discs", None),
            ("b", "discs", album.add(b"broken")),
            ("c", "discs", "ab" * 32),
            ("d", "unseen", None),
        ]
    )
    model, report = train(pa.concat_tables([extra, parts[0]]), parts[1], album)
    assert report["train_rows"] == 150
    assert model.to_files() == scratch[0].to_files()


def test_validation_rows_of_unlearnt_classes_do_not_count(parts, album, scratch):
    unlearnt = table([("z", "rare", album.add(draw("discs", np.random.default_rng(77))))])
    model, report = train(parts[0], pa.concat_tables([parts[1], unlearnt]), album)
    assert report["validation_rows"] == 60
    assert model.to_files() == scratch[0].to_files()


@pytest.mark.parametrize("backbone", [None, tiny_backbone()], ids=["scratch", "backbone"])
def test_without_enough_to_learn_or_choose_by_there_is_no_model(backbone, parts, album):
    nothing = table([("a", "discs", None)])
    one_class = rows(album, 9, seed=5, categories=("discs",))
    other = table([("a", "rare", next(iter(album.pictures)))])
    for training, validation in [
        (nothing, parts[1]),
        (one_class, parts[1]),
        (parts[0], nothing),
        (parts[0], other),
    ]:
        assert train(training, validation, album, backbone=backbone) is None


def test_a_handful_of_pictures_is_enough_to_run(album):
    model, _ = train(rows(album, 4, seed=6), rows(album, 3, seed=7), album)
    assert np.isfinite(model.predict_proba(fresh(3)[0])).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("pretrained", [False, True], ids=["scratch", "backbone"])
def test_a_gpu_learns_as_well_and_answers_as_a_cpu_does(pretrained, parts, album):
    model, report = train(
        *parts,
        album,
        backbone=tiny_backbone("cuda") if pretrained else None,
        settings=replace(QUICK, device="cuda"),
    )
    assert report["weighted_f1_vote"] > 0.8
    on_cpu = ImageModel.from_files(model.to_files(), label_space=SPACE, device="cpu")
    pictures, _ = fresh()
    np.testing.assert_allclose(
        on_cpu.predict_proba(pictures), model.predict_proba(pictures), atol=2e-2
    )
