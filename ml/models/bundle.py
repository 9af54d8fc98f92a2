"""The model bundle: text, image, fusion and calibration under one label space, as served."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.fusion import Fusion
from ml.models.text import TextModel
from ml.stats.calibration import apply_temperature

if TYPE_CHECKING:
    from ml.models.image import ImageModel

FloatArray = NDArray[np.float64]

FORMAT = 1
BUNDLE_FILE = "bundle.json"


@dataclass(frozen=True)
class ModelInput:
    """One product. `picture` holds the encoded bytes; an empty title and description: no text."""

    title: str
    description: str
    picture: bytes | None


@dataclass(frozen=True, eq=False)
class BundlePrediction:
    """Probabilities of n products over the K classes of the bundle's label space, each [n, K].

    `probabilities` is the calibrated final answer; `text` and `image` are what each modality says,
    a row of NaN where it is missing or unreadable.
    """

    probabilities: FloatArray
    text: FloatArray
    image: FloatArray

    def rows(self, chosen: NDArray[np.bool_]) -> "BundlePrediction":
        """The answers to some of the products, by a mask [n]."""
        return BundlePrediction(self.probabilities[chosen], self.text[chosen], self.image[chosen])


@dataclass(frozen=True)
class BundleInfo:
    """Where a bundle comes from.

    `as_of` (ISO 8601) is when its labels were frozen first; `low_confidence_share` is
    the weighted share of validation rows whose confidence lies under the review threshold.
    """

    snapshot_digest: str
    as_of: str
    seed: int
    low_confidence_share: float


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """Everything one answer needs. `image` is None for a model that reads text only."""

    label_space: LabelSpace
    text: TextModel
    image: "ImageModel | None"
    fusion: Fusion
    temperature: float
    info: BundleInfo

    def predict(self, inputs: Sequence[ModelInput]) -> BundlePrediction:
        """Answer each product; raises InvalidInput naming the first one without usable input."""
        prediction = self.predict_usable(inputs)
        unusable = np.flatnonzero(np.isnan(prediction.probabilities).any(axis=1))
        if len(unusable):
            raise InvalidInput(
                f"input {unusable[0]} has neither text nor a readable picture"
                f"{'' if self.image else ' (this model reads text only)'}; send one of them"
            )
        return prediction

    def predict_usable(self, inputs: Sequence[ModelInput]) -> BundlePrediction:
        """Like `predict`, with a row of NaN for a product without usable input."""
        return self.fuse(*read_modalities(self.text, self.image, inputs))

    def fuse(self, text: FloatArray, image: FloatArray) -> BundlePrediction:
        """The final answer from what each modality says (NaN rows where it says nothing)."""
        fused = self.fusion.combine(text, image)
        return BundlePrediction(apply_temperature(fused, self.temperature), text, image)

    def to_files(self) -> dict[str, bytes]:
        """The bundle's files by name: JSON, safetensors and UBJSON; the same bundle, same bytes."""
        description = {
            "format": FORMAT,
            "label_space": asdict(self.label_space),
            "fusion": asdict(self.fusion),
            "temperature": self.temperature,
            "info": asdict(self.info),
            "image": self.image is not None,
        }
        files = {BUNDLE_FILE: json.dumps(description, sort_keys=True, indent=2).encode()}
        files |= self.text.to_files()
        if self.image is not None:
            files |= self.image.to_files()
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], *, device: str = "cpu") -> "ModelBundle":
        """The bundle `to_files` wrote; raises InvalidInput for a missing file or another format."""
        description = _read_description(files)
        space = description["label_space"]
        label_space = LabelSpace(space["version"], tuple(space["classes"]))
        image = None
        if description["image"]:
            # torch is only paid for by bundles that look at pictures.
            from ml.models.image import ImageModel

            image = ImageModel.from_files(files, label_space=label_space, device=device)
        return cls(
            label_space=label_space,
            text=TextModel.from_files(files, label_space=label_space),
            image=image,
            fusion=Fusion(**description["fusion"]),
            temperature=description["temperature"],
            info=BundleInfo(**description["info"]),
        )


def read_modalities(
    text: TextModel, image: "ImageModel | None", inputs: Sequence[ModelInput]
) -> tuple[FloatArray, FloatArray]:
    """What the text and the picture of each input say, [n, K] each, NaN where they say nothing."""
    from_text = text.predict_proba(
        [item.title for item in inputs], [item.description for item in inputs]
    )
    from_image = np.full_like(from_text, np.nan)
    pictured = [(i, item.picture) for i, item in enumerate(inputs) if item.picture is not None]
    if image is not None and pictured:
        rows = [i for i, _ in pictured]
        from_image[rows] = image.predict_proba([picture for _, picture in pictured])
    return from_text, from_image


def _read_description(files: Mapping[str, bytes]) -> dict[str, Any]:
    if BUNDLE_FILE not in files:
        raise InvalidInput(f"the bundle lacks {BUNDLE_FILE}; fetch it again or retrain")
    description: dict[str, Any] = json.loads(files[BUNDLE_FILE])
    if description.get("format") != FORMAT:
        raise InvalidInput(
            f"{BUNDLE_FILE} has format {description.get('format')!r}, this program reads {FORMAT}; "
            "use the regain that wrote it or retrain"
        )
    return description
