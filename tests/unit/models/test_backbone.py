import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.models import backbone as module_under_test
from ml.models.backbone import (
    SCRATCH,
    Backbone,
    BackboneSpec,
    build_module,
    choose_device,
    hub_backbone,
    load_backbone,
)
from ml.models.torchvision_ops import ensure_torchvision

CPU = torch.device("cpu")
TINY = BackboneSpec("test_resnet", 32)
PICTURES = np.random.default_rng(5).integers(0, 255, (70, 32, 32, 3), dtype=np.uint8)


def checkpoint(classes: int = 11) -> bytes:
    """A full-precision checkpoint of the tiny architecture, classifier and all."""
    ensure_torchvision()
    import timm

    torch.manual_seed(3)
    return safetensors.torch.save(
        timm.create_model("test_resnet", num_classes=classes).state_dict()
    )


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(TINY, checkpoint(), device=CPU)


def test_pictures_become_vectors_whatever_the_batch(backbone):
    vectors = backbone.embed(PICTURES)
    assert vectors.shape == (70, backbone.module.num_features)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(backbone.embed(PICTURES[66:]), vectors[66:], rtol=1e-4, atol=1e-5)
    assert backbone.embed(PICTURES[:0]).shape == (0, vectors.shape[1])
    assert len(np.unique(vectors.round(6), axis=0)) == 70


def test_the_checkpoints_classifier_is_left_out_whatever_its_width(backbone):
    assert not any(name.startswith("fc.") for name in safetensors.torch.load(backbone.weights()))
    other = load_backbone(TINY, checkpoint(classes=1001), device=CPU)
    assert other.embed(PICTURES).shape == backbone.embed(PICTURES).shape


def test_stored_in_half_precision_and_read_back_to_the_bit(backbone):
    stored = backbone.weights()
    loaded = load_backbone(TINY, stored, device=CPU)
    assert {t.dtype for t in safetensors.torch.load(stored).values() if t.is_floating_point()} == {
        torch.float16
    }
    assert loaded.weights() == stored
    assert loaded.digest == backbone.digest
    np.testing.assert_array_equal(loaded.embed(PICTURES), backbone.embed(PICTURES))


def test_values_that_half_precision_can_not_hold_are_kept_whole():
    module = build_module(BackboneSpec(SCRATCH, 32))
    module.stages[0][1].running_var.fill_(1e6)
    network = Backbone(BackboneSpec(SCRATCH, 32), module, device=CPU)
    stored = safetensors.torch.load(network.weights())
    assert stored["stages.0.1.running_var"].dtype == torch.float32
    assert float(stored["stages.0.1.running_var"][0]) == 1e6


def test_the_digest_names_weights_and_everything_done_to_the_input(backbone):
    same = load_backbone(TINY, checkpoint(), device=CPU)
    others = [
        load_backbone(replace(TINY, image_size=48), checkpoint(), device=CPU),
        load_backbone(replace(TINY, mean=(0.4,)), checkpoint(), device=CPU),
        backbone.with_weights(changed_bias(backbone)),
    ]
    assert same.digest == backbone.digest
    assert len({backbone.digest, *(other.digest for other in others)}) == 4


def changed_bias(backbone: Backbone) -> bytes:
    state = backbone.module.state_dict()
    name = next(name for name in state if name.endswith("bn1.bias"))
    return safetensors.torch.save({name: state[name] + 1})


def test_a_tuned_copy_is_stored_as_its_difference(backbone):
    tuned = backbone.with_weights(changed_bias(backbone))
    difference = tuned.weights(changed_from=backbone)
    assert len(safetensors.torch.load(difference)) == 1
    again = backbone.with_weights(difference)
    np.testing.assert_array_equal(again.embed(PICTURES), tuned.embed(PICTURES))
    assert np.abs(tuned.embed(PICTURES) - backbone.embed(PICTURES)).max() > 0.01


def test_the_input_is_scaled_by_mean_and_deviation_of_each_channel():
    spec = BackboneSpec(SCRATCH, 32, mean=(0.5, 0.0, 1.0), std=(0.5, 1.0, 2.0))
    network = Backbone(spec, nn.Identity(), device=CPU)
    white = np.full((1, 2, 2, 3), 255, dtype=np.uint8)
    assert network.normalised(white)[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_a_spec_survives_json():
    spec = BackboneSpec("x", 64, (0.1, 0.2, 0.3), (0.5,), {"pad_type": "same"})
    assert BackboneSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("spec", "weights", "reason"),
    [
        (BackboneSpec("no_such_network", 32), b"", "not a timm architecture"),
        (replace(TINY, options={"no_such": 1}), b"", "options of backbone 'test_resnet'"),
        (TINY, b"garbage", "not a safetensors file"),
        (TINY, safetensors.torch.save({"a": torch.zeros(1)}), "do not fit backbone 'test_resnet'"),
    ],
)
def test_wrong_settings_are_named(spec, weights, reason):
    with pytest.raises(InvalidInput, match=reason):
        load_backbone(spec, weights, device=CPU)


def test_an_unreachable_hub_names_the_remedy(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(module_under_test, "build_module", unreachable)
    with pytest.raises(ServiceUnavailable, match="set REGAIN_BACKBONE_WEIGHTS"):
        hub_backbone(TINY, device=CPU)


def test_devices():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(InvalidInput, match="unknown"):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(InvalidInput, match="no GPU"):
            choose_device("cuda")
