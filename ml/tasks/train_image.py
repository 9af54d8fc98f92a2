"""The task `train_image`: a frozen snapshot becomes image models and their vote.

What it makes is stored under a key of all that determines it, so a task that was killed and cleared
finds what is finished, and nothing is trained twice.
"""

import logging
from dataclasses import asdict
from functools import partial

from ml.domain.digests import digest_of
from ml.models.backbone import BackboneSpec, choose_device
from ml.models.files import has_files, save_files
from ml.tasks.artifacts import IMAGE_REPORT, RECIPE_VERSION, component_prefix, to_json
from ml.tasks.dataset import load_dataset, read_picture
from ml.training.features import open_backbone
from ml.training.image import ImageTraining
from ml.training.image import train_image as train_image_model
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

_logger = logging.getLogger(__name__)


def train_image(snapshot: str, *, services: Services | None = None) -> str:
    """Train the image models and their vote on a snapshot; returns the key they are stored under.

    A catalogue without pictures gives no image model, which is stored as such.
    """
    services = services or Services(load_settings())
    settings = services.settings
    backbone = open_backbone(
        settings.backbone_weights,
        _backbone_spec(settings),
        objects=services.objects,
        device=choose_device(settings.device),
    )
    training = _image_training(settings)
    source = backbone.digest if backbone else None
    key = digest_of("image", RECIPE_VERSION, snapshot, settings.seed, source, asdict(training))
    if not has_files(services.objects, component_prefix(key)):
        data = load_dataset(services, snapshot)
        _logger.info("training images on %d products", data.train.num_rows)
        trained = train_image_model(
            data.train,
            data.validation,
            label_space=data.label_space,
            backbone=backbone,
            objects=services.objects,
            picture_of=partial(read_picture, services),
            settings=training,
            seed=settings.seed,
        )
        model, report = trained if trained else (None, {})
        files = model.to_files() if model else {}
        files[IMAGE_REPORT] = to_json(report)
        save_files(services.objects, component_prefix(key), files)
    return key


def _backbone_spec(settings: Settings) -> BackboneSpec:
    return BackboneSpec(
        architecture=settings.backbone,
        image_size=settings.image_size,
        mean=(settings.backbone_mean,),
        std=(settings.backbone_std,),
        options=settings.backbone_options,
    )


def _image_training(settings: Settings) -> ImageTraining:
    return ImageTraining(
        scratch_image_size=settings.scratch_image_size,
        scratch_epochs=settings.scratch_epochs,
        finetune_epochs=settings.finetune_epochs,
        max_class_weight=settings.max_class_weight,
        max_picture_pixels=settings.max_picture_pixels,
        device=settings.device,
    )
