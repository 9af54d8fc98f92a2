import numpy as np
import pytest
import torch

from ml.domain.errors import InvalidInput
from ml.models.backbone import BackboneSpec
from ml.models.pictures import decode_picture
from ml.training.features import embed_pictures, load_pixels, open_backbone, read_weights
from tests.fakes import InMemoryObjectStore
from tests.unit.models.drawings import draw
from tests.unit.training.studio import Album, tiny_backbone

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone():
    return tiny_backbone()


@pytest.fixture
def objects():
    return InMemoryObjectStore()


@pytest.fixture
def album():
    return Album()


def fill(album: Album, count: int, seed: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    return [album.add(draw("discs", rng)) for _ in range(count)]


def embed(digests, backbone, objects, album, **options):
    return embed_pictures(
        digests,
        backbone=backbone,
        objects=objects,
        picture_of=album,
        max_pixels=10**6,
        progress=lambda message: None,
        **options,
    )


def test_rows_follow_the_digests_and_hold_the_backbones_vectors(backbone, objects, album):
    digests = fill(album, 7)
    asked = [*reversed(digests), digests[0]]
    vectors = embed(asked, backbone, objects, album, chunk=3)
    for digest, vector in zip(asked, vectors, strict=True):
        pixels = decode_picture(album.pictures[digest], 32, max_pixels=10**6)
        np.testing.assert_allclose(vector, backbone.embed(pixels[None])[0], rtol=1e-3, atol=1e-4)


def test_a_retraining_reads_new_pictures_only(backbone, objects, album):
    first = fill(album, 5, seed=1)
    before = embed(first, backbone, objects, album)
    album.reads.clear()
    new = fill(album, 3, seed=2)
    after = embed([*first, *new], backbone, objects, album)
    assert sorted(album.reads) == sorted(new)
    np.testing.assert_array_equal(after[:5], before)


def test_another_backbone_shares_nothing(backbone, objects, album):
    digests = fill(album, 3)
    embed(digests, backbone, objects, album)
    album.reads.clear()
    changed = tiny_backbone()
    next(iter(changed.module.parameters())).data.add_(0.5)
    embed(digests, changed, objects, album)
    assert len(album.reads) == 3


def test_a_killed_run_goes_on_after_its_last_finished_chunk(backbone, objects, album):
    digests = fill(album, 10)
    poison = sorted(digests)[7]

    def killed(digest: str) -> bytes:
        if digest == poison:
            raise KeyboardInterrupt
        return album(digest)

    with pytest.raises(KeyboardInterrupt):
        embed(digests, backbone, objects, killed, chunk=3)
    album.reads.clear()
    vectors = embed(digests, backbone, objects, album, chunk=3)
    assert sorted(album.reads) == sorted(digests)[6:]
    assert np.isfinite(vectors).all()


def test_unreadable_pictures_are_nan_and_the_others_are_kept(backbone, objects, album):
    good, bad = fill(album, 1)[0], album.add(b"broken")
    for _ in range(2):
        vectors = embed([bad, good], backbone, objects, album)
        assert np.isnan(vectors[0]).all()
        assert np.isfinite(vectors[1]).all()
    assert album.reads.count(good) == 1


def test_a_picture_that_was_away_is_embedded_when_it_is_back(backbone, objects, album):
    (digest,) = fill(album, 1)
    away = album.pictures.pop(digest)
    assert np.isnan(embed([digest], backbone, objects, album)).all()
    album.pictures[digest] = away
    assert np.isfinite(embed([digest], backbone, objects, album)).all()


def test_no_pictures_give_no_rows_of_the_right_width(backbone, objects, album):
    assert embed([], backbone, objects, album).shape == (0, backbone.module.num_features)


def test_pixels_of_a_lost_picture_are_marked(album):
    digests = [*fill(album, 2), "00" * 32]
    pixels, readable = load_pixels(digests, 16, picture_of=album, max_pixels=10**6)
    assert pixels.shape == (3, 16, 16, 3)
    assert readable.tolist() == [True, True, False]


def test_weights_come_from_a_path_or_the_object_store(tmp_path, objects):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"weights")
    uri = objects.put("weights/one.safetensors", b"stored")
    assert read_weights(str(path), objects) == b"weights"
    assert read_weights(uri, objects) == b"stored"


@pytest.mark.parametrize("source", ["/nowhere/w.safetensors", "memory://store/absent"])
def test_missing_weights_name_the_place_and_the_remedy(source, objects):
    with pytest.raises(InvalidInput, match=rf"{source}.*REGAIN_BACKBONE_WEIGHTS"):
        read_weights(source, objects)


def test_a_backbone_is_opened_only_where_one_is_set(tmp_path, objects, backbone):
    spec = BackboneSpec("test_resnet", 32)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(backbone.weights())
    assert open_backbone(None, spec, objects=objects, device=CPU) is None
    opened = open_backbone(str(path), spec, objects=objects, device=CPU)
    assert opened is not None
    assert opened.digest == backbone.digest
