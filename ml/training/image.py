"""Train the image model: features, heads, a network of its own, and the vote among them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace
from ml.domain.ports import ObjectStore
from ml.models.backbone import Backbone, choose_device
from ml.models.heads import DenseHead, Features, Head
from ml.models.image import ImageModel, Member, Source
from ml.models.voting import soft_vote
from ml.stats.weighting import confusion_matrix, weighted_f1
from ml.training.features import Progress, embed_pictures, embed_uncached, load_pixels
from ml.training.heads import (
    Examples,
    capped_class_weights,
    fit_logistic,
    fit_projection,
    fit_trees,
)
from ml.training.networks import Lessons, LoadPixels, fine_tune, train_scratch
from ml.training.perceptron import fit_perceptron
from ml.training.picture_rows import PictureRows, Read, read_rows
from ml.training.rows import FloatArray, PictureOf
from ml.training.voting import choose_vote

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImageTraining:
    """How the image model is trained: sizes in pixels a side, epochs are passes over the rows."""

    scratch_image_size: int = 64
    scratch_epochs: int = 12
    finetune_epochs: int = 1
    max_class_weight: float = 10.0
    max_picture_pixels: int = 25_000_000
    device: str = "auto"


def train_image(
    train: pa.Table,
    validation: pa.Table,
    *,
    label_space: LabelSpace,
    backbone: Backbone | None,
    objects: ObjectStore,
    picture_of: PictureOf,
    settings: ImageTraining,
    seed: int,
    progress: Progress = _logger.info,
) -> tuple[ImageModel, dict[str, float]] | None:
    """The image model and its validation figures: weighted F1 and weight of each member.

    Columns read: product_id, category, picture, inclusion_probability. Without a backbone the small
    network is trained from scratch and gives the features. None when there is nothing to learn or
    to choose by: training pictures of fewer than two classes, or no validation picture of them.
    The same rows, in any order, and seed give the same model on a CPU.
    """
    studio = _Studio(objects, picture_of, settings, seed, progress)
    read = studio.reader(backbone)
    learning, choosing = (read_rows(rows, label_space, read) for rows in (train, validation))
    learnt = np.unique(learning.targets)
    learning, choosing = learning.of_classes(learnt), choosing.of_classes(learnt)
    if len(learnt) < 2 or len(choosing) == 0:
        progress(
            f"no image model: {len(learning)} training pictures of {len(learnt)} classes, "
            f"{len(choosing)} validation pictures of them"
        )
        return None
    if backbone is None:
        trained = studio.train_from_scratch(learning, choosing)
    else:
        trained = studio.train_on_backbone(backbone, learning, choosing)
    members, report = _elect(trained.candidates, choosing)
    report |= {"image.train_rows": len(learning), "image.validation_rows": len(choosing)}
    model = ImageModel(
        label_space=label_space,
        learnt=tuple(learnt.tolist()),
        frozen=trained.frozen,
        tuned=trained.tuned if any(member.source is Source.TUNED for member in members) else None,
        members=members,
        max_pixels=settings.max_picture_pixels,
    )
    return model, report


@dataclass(frozen=True)
class _Candidate:
    """Who may vote, with its probabilities [n, k] on the validation rows."""

    name: str
    source: Source
    head: Head
    probabilities: FloatArray


@dataclass(frozen=True)
class _Trained:
    frozen: Backbone
    tuned: Backbone | None
    candidates: list[_Candidate]


@dataclass(frozen=True)
class _Studio:
    """Where pictures come from and how they are worked on; the steps of `train_image`."""

    objects: ObjectStore
    picture_of: PictureOf
    settings: ImageTraining
    seed: int
    progress: Progress

    def reader(self, backbone: Backbone | None) -> Read:
        """How rows are read: as (cached) features of the backbone, or as pixels to train on."""

        def read_features(pictures: list[str]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
            assert backbone is not None
            features = embed_pictures(
                pictures,
                backbone=backbone,
                objects=self.objects,
                picture_of=self.picture_of,
                max_pixels=self.settings.max_picture_pixels,
                progress=self.progress,
            )
            return features, ~np.isnan(features[:, 0])

        return self._pixels if backbone is None else read_features

    def train_from_scratch(self, learning: PictureRows, choosing: PictureRows) -> _Trained:
        """Rows hold pixels: train the small network on them, then heads on its features."""
        network, own = train_scratch(
            self._lessons(learning, lambda rows: learning.inputs[rows]),
            image_size=self.settings.scratch_image_size,
            epochs=self.settings.scratch_epochs,
            device=choose_device(self.settings.device),
            seed=self.seed,
            progress=self.progress,
        )
        validation = network.embed(choosing.inputs)
        heads = self._fit_heads(learning, network.embed(learning.inputs), choosing, validation)
        candidates = _candidates(heads | {"network": own}, Source.FROZEN, validation)
        return _Trained(network, None, candidates)

    def train_on_backbone(
        self, backbone: Backbone, learning: PictureRows, choosing: PictureRows
    ) -> _Trained:
        """Rows hold features: fit heads on them, then fine-tune a copy from the linear one."""
        heads = self._fit_heads(learning, learning.inputs, choosing, choosing.inputs)
        candidates = _candidates(heads, Source.FROZEN, choosing.inputs)
        linear = heads["logistic"]
        if self.settings.finetune_epochs == 0 or not isinstance(linear, DenseHead):
            return _Trained(backbone, None, candidates)

        def load(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
            side = backbone.spec.image_size
            return self._pixels([learning.pictures[row] for row in rows], side)[0]

        tuned, own = fine_tune(
            backbone,
            linear,
            self._lessons(learning, load),
            epochs=self.settings.finetune_epochs,
            seed=self.seed,
            progress=self.progress,
        )
        validation = embed_uncached(
            choosing.pictures,
            backbone=tuned,
            picture_of=self.picture_of,
            max_pixels=self.settings.max_picture_pixels,
        )
        candidates += _candidates({"network": own}, Source.TUNED, validation)
        return _Trained(backbone, tuned, candidates)

    def _pixels(
        self, pictures: list[str], side: int | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return load_pixels(
            pictures,
            side or self.settings.scratch_image_size,
            picture_of=self.picture_of,
            max_pixels=self.settings.max_picture_pixels,
        )

    def _lessons(self, learning: PictureRows, load: LoadPixels) -> Lessons:
        return Lessons(load, learning.targets, self._class_weights(learning))

    def _class_weights(self, learning: PictureRows) -> FloatArray:
        """What each training row counts for [n], by its class.

        Not by inclusion probability: the rare, hard products that are reviewed teach the most.
        """
        weights = capped_class_weights(
            learning.targets, max_class_weight=self.settings.max_class_weight
        )
        return weights[learning.targets]

    def _fit_heads(
        self,
        learning: PictureRows,
        features: Features,
        choosing: PictureRows,
        validation_features: Features,
    ) -> dict[str, Head]:
        train = Examples(features, learning.targets, self._class_weights(learning))
        validation = Examples(validation_features, choosing.targets, choosing.weights)
        projection = fit_projection(features)
        self.progress("fitting the logistic head, the perceptron and the trees")
        return {
            "logistic": fit_logistic(projection, train, validation),
            "perceptron": fit_perceptron(train, validation, seed=self.seed),
            "trees": fit_trees(projection, train, validation, seed=self.seed),
        }


def _candidates(heads: dict[str, Head], source: Source, validation: Features) -> list[_Candidate]:
    return [
        _Candidate(name, source, head, head.predict_proba(validation))
        for name, head in heads.items()
    ]


def _elect(
    candidates: Sequence[_Candidate], choosing: PictureRows
) -> tuple[tuple[Member, ...], dict[str, float]]:
    """Those the vote gives a weight, and the figures of all, the vote's too."""
    votes = [candidate.probabilities for candidate in candidates]
    weights, exponents = choose_vote(votes, choosing.targets, choosing.weights)

    def f1(probabilities: FloatArray) -> float:
        answers, classes = probabilities.argmax(axis=1), probabilities.shape[1]
        return weighted_f1(
            confusion_matrix(choosing.targets, answers, choosing.weights, classes=classes)
        )

    report = {"image.validation_f1.vote": f1(soft_vote(votes, weights, exponents))}
    for candidate, weight in zip(candidates, weights, strict=True):
        report[f"image.validation_f1.{candidate.name}"] = f1(candidate.probabilities)
        report[f"image.weight.{candidate.name}"] = weight
    members = (
        Member(candidate.name, candidate.source, candidate.head, weight, exponent)
        for candidate, weight, exponent in zip(candidates, weights, exponents, strict=True)
        if weight > 0
    )
    return tuple(members), report
