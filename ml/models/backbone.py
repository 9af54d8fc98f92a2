"""Networks that turn pictures into feature vectors: a timm architecture, or regain's small one.

Weights are kept in half precision, in the bundle and in use: what is served is, to the bit, what
was trained on.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.domain.digests import digest_bytes, digest_of
from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.models.pictures import PREPARATION_VERSION
from ml.models.scratch import ScratchNetwork
from ml.models.torchvision_ops import ensure_torchvision

SCRATCH = "scratch"
"""Name of regain's own architecture, beside timm's."""

_BATCH = 64


@dataclass(frozen=True)
class BackboneSpec:
    """What a network is, without its weights.

    `architecture` is a timm name or SCRATCH, `options` go to timm.create_model, inputs are
    `image_size` pixels a side, scaled to [0, 1], minus `mean`, over `std` (one value, or three).
    """

    architecture: str
    image_size: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "BackboneSpec":
        return cls(
            architecture=values["architecture"],
            image_size=values["image_size"],
            mean=tuple(values["mean"]),
            std=tuple(values["std"]),
            options=values["options"],
        )


class Backbone:
    """A network without its classifier, ready to embed pictures on one device."""

    def __init__(self, spec: BackboneSpec, module: nn.Module, *, device: torch.device) -> None:
        """Take over the module: its weights are rounded to half precision and frozen."""
        self.spec = spec
        self.device = device
        self.module = module.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # torch's stub lacks this keyword pair
        self.module.requires_grad_(False)
        self.module.load_state_dict({k: _halved(v) for k, v in module.state_dict().items()})

    @cached_property
    def digest(self) -> str:
        """Names the features: the same digest embeds the same picture to the same vector."""
        weights = digest_bytes(self.weights())
        return digest_of(PREPARATION_VERSION, self.spec.to_json(), weights)

    def embed(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Feature vectors [n, d] of decoded pictures [n, side, side, 3]."""
        with torch.inference_mode():
            batches = [
                self.module(self.normalised(pictures[start : start + _BATCH])).float().cpu().numpy()
                for start in range(0, max(1, len(pictures)), _BATCH)
            ]
        return np.concatenate(batches)

    def normalised(self, pictures: NDArray[np.uint8]) -> Tensor:
        """The network's input [n, 3, side, side], on the device, channels last."""
        pixels = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device)
        mean, std = (
            torch.tensor(values, device=self.device) for values in (self.spec.mean, self.spec.std)
        )
        return ((pixels.float() / 255 - mean) / std).permute(0, 3, 1, 2)

    def weights(self, *, changed_from: "Backbone | None" = None) -> bytes:
        """Half-precision safetensors: all tensors, or those that differ from another network's."""
        state = self.module.state_dict()
        if changed_from is not None:
            before = changed_from.module.state_dict()
            state = {name: value for name, value in state.items() if not value.equal(before[name])}
        return safetensors.torch.save({name: _stored(value) for name, value in state.items()})

    def with_weights(self, changed: bytes) -> "Backbone":
        """A copy of this network with some of its tensors replaced."""
        module = copy.deepcopy(self.module)
        module.load_state_dict(safetensors.torch.load(changed), strict=False)
        return Backbone(self.spec, module, device=self.device)


def choose_device(name: str) -> torch.device:
    """The device of a name such as `cpu` or `cuda:1`; `auto` is cuda when there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InvalidInput(f"device {name!r} is unknown; use auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput(f"device {name!r} asked for, but torch sees no GPU; use auto or cpu")
    return device


def build_module(spec: BackboneSpec, *, pretrained: bool = False) -> nn.Module:
    """The untrained (or hub-pretrained) network without classifier: pictures -> [n, d].

    Raises InvalidInput for an unknown architecture or option.
    """
    if spec.architecture == SCRATCH:
        return ScratchNetwork()
    ensure_torchvision()
    import timm  # after the line above, and only where a timm network is wanted: it takes seconds

    if not timm.is_model(spec.architecture):
        raise InvalidInput(f"backbone {spec.architecture!r} is not a timm architecture")
    try:
        module: nn.Module = timm.create_model(
            spec.architecture, pretrained=pretrained, num_classes=0, **spec.options
        )
    except TypeError as error:
        raise InvalidInput(f"options of backbone {spec.architecture!r}: {error}") from None
    return module


def load_backbone(spec: BackboneSpec, weights: bytes, *, device: torch.device) -> Backbone:
    """A network from a safetensors checkpoint; a classifier in it, of any width, is left out.

    Raises InvalidInput when the tensors are not this architecture's.
    """
    module = build_module(spec)
    try:
        tensors = safetensors.torch.load(weights)
    except safetensors.SafetensorError as error:
        raise InvalidInput(f"backbone weights are not a safetensors file: {error}") from None
    body = {k: v for k, v in tensors.items() if not k.startswith(_classifier_prefixes(module))}
    try:
        module.load_state_dict(body)
    except RuntimeError as error:
        fault = str(error).splitlines()[1].strip()[:200]
        raise InvalidInput(f"weights do not fit backbone {spec.architecture!r}: {fault}") from None
    return Backbone(spec, module, device=device)


def hub_backbone(spec: BackboneSpec, *, device: torch.device) -> Backbone:
    """A network with the weights that timm's hub has for it, normalised as they were trained."""
    try:
        module = build_module(spec, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise ServiceUnavailable(
            f"weights of {spec.architecture!r} can't be had from the hub ({type(error).__name__}); "
            "set REGAIN_BACKBONE_WEIGHTS to a safetensors file"
        ) from None
    trained: Mapping[str, Any] = module.pretrained_cfg  # type: ignore[assignment]  # timm's attribute
    own = BackboneSpec(
        spec.architecture,
        spec.image_size,
        tuple(trained["mean"]),
        tuple(trained["std"]),
        spec.options,
    )
    return Backbone(own, module, device=device)


def _classifier_prefixes(module: nn.Module) -> tuple[str, ...]:
    """Beginnings of the classifier's tensor names in a checkpoint, by timm's configuration."""
    named = getattr(module, "pretrained_cfg", {}).get("classifier") or ()
    names = (named,) if isinstance(named, str) else tuple(named)
    return tuple(f"{name}." for name in names)


def _stored(value: Tensor) -> Tensor:
    """As written: half precision where the value survives it (a huge variance would overflow)."""
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    half = value.half()
    return half if bool(half.isfinite().all()) else value


def _halved(value: Tensor) -> Tensor:
    """As used: rounded the way it is written, in its own type."""
    return _stored(value).to(device=value.device, dtype=value.dtype)
