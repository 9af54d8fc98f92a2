"""Train the image model: features, heads, a network of its own, and the vote among them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.domain.labels import LabelSpace
from ml.domain.ports import ObjectStore
from ml.models.backbone import Backbone, choose_device
from ml.models.heads import DenseHead, Features, Head
from ml.models.image import ImageModel, Source
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
from ml.training.rows import FloatArray, IntArray, PictureOf
from ml.training.threads import half_the_cores
from ml.training.voting import Candidate, elect

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
    workshop = _Workshop(objects, picture_of, settings, seed, progress)
    with half_the_cores():
        read = workshop.reader(backbone)
        learning, choosing = (read_rows(rows, label_space, read) for rows in (train, validation))
        learnt = np.unique(learning.targets)
        learning, choosing = learning.of_classes(learnt), choosing.of_classes(learnt)
        if len(learnt) < 2 or len(choosing) == 0:
            progress(
                f"no image model: {len(learning)} training pictures of {len(learnt)} classes, "
                f"{len(choosing)} validation pictures of them"
            )
            return None
        trained = workshop.train(backbone, learning, choosing)
    members, report = elect(trained.candidates, choosing.targets, choosing.weights)
    model = ImageModel(
        label_space=label_space,
        learnt=tuple(learnt.tolist()),
        frozen=trained.frozen,
        tuned=trained.tuned if any(member.source is Source.TUNED for member in members) else None,
        members=members,
        max_pixels=settings.max_picture_pixels,
    )
    counts = {"train_rows": len(learning), "validation_rows": len(choosing)}
    return model, report | counts


@dataclass(frozen=True)
class _Trained:
    """The networks and all that may vote on them; `tuned` is None when nothing was tuned."""

    frozen: Backbone
    tuned: Backbone | None
    candidates: list[Candidate]


@dataclass(frozen=True)
class _Workshop:
    """Where pictures come from and how they are worked on."""

    objects: ObjectStore
    picture_of: PictureOf
    settings: ImageTraining
    seed: int
    progress: Progress

    def reader(self, backbone: Backbone | None) -> Read:
        """How rows are read: as (cached) features of the backbone, or as pixels to train on."""
        if backbone is None:
            return partial(self._pixels, side=self.settings.scratch_image_size)
        return partial(self._features, backbone)

    def train(
        self, backbone: Backbone | None, learning: PictureRows, choosing: PictureRows
    ) -> _Trained:
        """Train on rows that `reader` has read for the same backbone."""
        if backbone is None:
            return self._train_from_scratch(learning, choosing)
        return self._train_on_backbone(backbone, learning, choosing)

    def _train_from_scratch(self, learning: PictureRows, choosing: PictureRows) -> _Trained:
        network, own = train_scratch(
            self._lessons(learning, lambda rows: learning.inputs[rows]),
            image_size=self.settings.scratch_image_size,
            epochs=self.settings.scratch_epochs,
            device=choose_device(self.settings.device),
            seed=self.seed,
            progress=self.progress,
        )
        validation = network.embed(choosing.inputs)
        features = network.embed(learning.inputs)
        _, heads = self._fit_heads(learning, features, choosing, validation)
        candidates = _candidates(heads | {"network": own}, Source.FROZEN, validation)
        return _Trained(network, None, candidates)

    def _train_on_backbone(
        self, backbone: Backbone, learning: PictureRows, choosing: PictureRows
    ) -> _Trained:
        linear, heads = self._fit_heads(learning, learning.inputs, choosing, choosing.inputs)
        candidates = _candidates(heads, Source.FROZEN, choosing.inputs)
        if self.settings.finetune_epochs == 0:
            return _Trained(backbone, None, candidates)
        tuned, own = fine_tune(
            backbone,
            linear,
            self._lessons(learning, partial(self._pixels_of, learning, backbone.spec.image_size)),
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

    def _features(
        self, backbone: Backbone, pictures: list[str]
    ) -> tuple[Features, NDArray[np.bool_]]:
        features = embed_pictures(
            pictures,
            backbone=backbone,
            objects=self.objects,
            picture_of=self.picture_of,
            max_pixels=self.settings.max_picture_pixels,
            progress=self.progress,
        )
        readable: NDArray[np.bool_] = ~np.isnan(features[:, 0])
        return features, readable

    def _pixels(
        self, pictures: list[str], side: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return load_pixels(
            pictures,
            side,
            picture_of=self.picture_of,
            max_pixels=self.settings.max_picture_pixels,
        )

    def _pixels_of(self, learning: PictureRows, side: int, rows: IntArray) -> NDArray[np.uint8]:
        pixels, _ = self._pixels([learning.pictures[row] for row in rows], side)
        return pixels

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
    ) -> tuple[DenseHead, dict[str, Head]]:
        """The linear head, from which a network may be tuned, and all heads by name."""
        train = Examples(features, learning.targets, self._class_weights(learning))
        validation = Examples(validation_features, choosing.targets, choosing.weights)
        projection = fit_projection(features)
        self.progress("fitting the logistic head, the perceptron and the trees")
        linear = fit_logistic(projection, train, validation)
        return linear, {
            "logistic": linear,
            "perceptron": fit_perceptron(train, validation, seed=self.seed),
            "trees": fit_trees(projection, train, validation, seed=self.seed),
        }


def _candidates(heads: Mapping[str, Head], source: Source, validation: Features) -> list[Candidate]:
    """The heads with what they say on the validation rows, from the features they read."""
    return [
        Candidate(name, source, head, head.predict_proba(validation))
        for name, head in heads.items()
    ]
