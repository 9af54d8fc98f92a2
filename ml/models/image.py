"""The image model: networks that describe a picture, heads that classify, a vote among them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace
from ml.models.backbone import Backbone, BackboneSpec, choose_device, load_backbone
from ml.models.heads import DenseHead, Features, Head, Layer, TreeHead
from ml.models.pictures import decode_pictures
from ml.models.voting import soft_vote

_MODEL = "image/model.json"
_FROZEN = "image/frozen.safetensors"
_TUNED = "image/tuned.safetensors"
_HEADS = "image/heads.safetensors"
_BATCH = 64


class Source(StrEnum):
    """Which network's features a member reads."""

    FROZEN = "frozen"
    TUNED = "tuned"


@dataclass(frozen=True)
class Member:
    """One voter: a head on one network's features, its weight and its sharpening exponent."""

    name: str
    source: Source
    head: Head
    weight: float
    exponent: float


@dataclass(frozen=True)
class ImageModel:
    """Classifies encoded pictures. `learnt` are indices into the label space, in the heads' order.

    `tuned` is the fine-tuned copy of `frozen`, there when a member reads it.
    """

    label_space: LabelSpace
    learnt: tuple[int, ...]
    frozen: Backbone
    tuned: Backbone | None
    members: tuple[Member, ...]
    max_pixels: int

    def predict_proba(self, pictures: Sequence[bytes]) -> NDArray[np.float64]:
        """Probabilities [n, K] in the label space's order; unlearnt classes have 0.

        The row of a picture that can't be decoded, or has more than `max_pixels`, is NaN.
        """
        result = np.full((len(pictures), len(self.label_space)), np.nan)
        for start in range(0, len(pictures), _BATCH):
            pixels, readable = decode_pictures(
                list(pictures[start : start + _BATCH]),
                self.frozen.spec.image_size,
                max_pixels=self.max_pixels,
            )
            rows = start + np.flatnonzero(readable)
            if len(rows) > 0:
                result[rows] = 0.0
                result[np.ix_(rows, np.array(self.learnt))] = self._vote(pixels[readable])
        return result

    def _vote(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        features: dict[Source, Features] = {
            source: self._network(source).embed(pixels)
            for source in {member.source for member in self.members}
        }
        return soft_vote(
            [member.head.predict_proba(features[member.source]) for member in self.members],
            [member.weight for member in self.members],
            [member.exponent for member in self.members],
        )

    def _network(self, source: Source) -> Backbone:
        if source is Source.FROZEN:
            return self.frozen
        assert self.tuned is not None, "a member reads tuned features, so the model has them"
        return self.tuned

    def to_files(self) -> dict[str, bytes]:
        """Safetensors, JSON and UBJSON by name; the same model gives the same bytes."""
        arrays: dict[str, NDArray[np.float32]] = {}
        files = {_FROZEN: self.frozen.weights()}
        for member in self.members:
            if isinstance(member.head, TreeHead):
                arrays |= DenseHead((member.head.projection,)).to_arrays(member.name)
                files[_trees(member.name)] = member.head.to_bytes()
            elif isinstance(member.head, DenseHead):
                arrays |= member.head.to_arrays(member.name)
        if self.tuned is not None:
            files[_TUNED] = self.tuned.weights(changed_from=self.frozen)
        files[_HEADS] = safetensors.numpy.save(arrays)
        files[_MODEL] = json.dumps(self._description(), sort_keys=True, indent=1).encode()
        return files

    def _description(self) -> dict[str, object]:
        return {
            "backbone": self.frozen.spec.to_json(),
            "learnt": [self.label_space.classes[i] for i in self.learnt],
            "max_pixels": self.max_pixels,
            "members": [
                {
                    "name": member.name,
                    "source": member.source.value,
                    "weight": member.weight,
                    "exponent": member.exponent,
                }
                for member in self.members
            ],
        }

    @classmethod
    def from_files(
        cls, files: Mapping[str, bytes], *, label_space: LabelSpace, device: str = "cpu"
    ) -> "ImageModel":
        """The model that `to_files` wrote, on a device; its classes must be in the label space."""
        description = json.loads(files[_MODEL])
        frozen = load_backbone(
            BackboneSpec.from_json(description["backbone"]),
            files[_FROZEN],
            device=choose_device(device),
        )
        arrays = safetensors.numpy.load(files[_HEADS])
        members = (
            Member(
                name=member["name"],
                source=Source(member["source"]),
                head=_read_head(member["name"], arrays, files),
                weight=member["weight"],
                exponent=member["exponent"],
            )
            for member in description["members"]
        )
        return cls(
            label_space=label_space,
            learnt=tuple(label_space.index(category) for category in description["learnt"]),
            frozen=frozen,
            tuned=frozen.with_weights(files[_TUNED]) if _TUNED in files else None,
            members=tuple(members),
            max_pixels=description["max_pixels"],
        )


def _trees(member: str) -> str:
    return f"image/{member}.ubj"


def _read_head(
    name: str, arrays: Mapping[str, NDArray[np.float32]], files: Mapping[str, bytes]
) -> Head:
    dense = DenseHead.from_arrays(arrays, name)
    if _trees(name) not in files:
        return dense
    projection: Layer = dense.layers[0]
    return TreeHead.from_bytes(files[_trees(name)], projection)
