"""The training tasks: a snapshot becomes a text model, image models, and a bundle of both.

What each task makes is stored under a key of all that determines it. A task that is killed and
cleared finds what is finished and makes the rest; nothing is trained twice.
"""

import json
import logging
from dataclasses import asdict
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ml.domain.digests import digest_files, digest_of
from ml.models.backbone import BackboneSpec, choose_device
from ml.models.bundle import BundleInfo, ModelBundle
from ml.models.files import bundle_prefix, find_files, load_files, save_files
from ml.models.image import ImageModel
from ml.models.text import TextModel
from ml.stats.calibration import apply_temperature
from ml.tasks.dataset import Dataset, load_dataset, read_picture
from ml.training.evaluate import low_confidence_share
from ml.training.features import open_backbone
from ml.training.fusion import fit_fusion
from ml.training.image import ImageTraining
from ml.training.image import train_image as train_image_model
from ml.training.rows import class_indices, modality_probabilities, row_weights
from ml.training.text import train_text as train_text_model
from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings

IMAGE_REPORT = "report.json"

_logger = logging.getLogger(__name__)


def train_text(snapshot: str, *, services: Services | None = None) -> str:
    """Train the text model on a snapshot; returns the key it is stored under."""
    services = services or Services(load_settings())
    seed = services.settings.seed
    key = digest_of("text", snapshot, seed)
    if find_files(services.objects, component_prefix(key)) is None:
        data = load_dataset(services, snapshot)
        _logger.info("training text on %d products", data.train.num_rows)
        model = train_text_model(
            data.train, data.validation, label_space=data.label_space, seed=seed
        )
        save_files(services.objects, component_prefix(key), model.to_files())
    return key


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
    key = digest_of("image", snapshot, settings.seed, source, asdict(training))
    if find_files(services.objects, component_prefix(key)) is None:
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
        files[IMAGE_REPORT] = json.dumps(report, sort_keys=True).encode()
        save_files(services.objects, component_prefix(key), files)
    return key


def fuse(snapshot: str, *, text_key: str, image_key: str, services: Services | None = None) -> str:
    """Choose the fusion and calibrate it on validation rows; returns the bundle's digest."""
    services = services or Services(load_settings())
    data = load_dataset(services, snapshot)
    text = TextModel.from_files(
        load_files(services.objects, component_prefix(text_key)), label_space=data.label_space
    )
    image = _image_model(services, image_key, data)
    from_text, from_image = modality_probabilities(
        text, image, data.validation, partial(read_picture, services)
    )
    targets = class_indices(data.validation, data.label_space)
    weights = row_weights(data.validation)
    fusion, temperature = fit_fusion(from_text, from_image, targets, weights)
    fused = apply_temperature(fusion.combine(from_text, from_image), temperature)
    info = BundleInfo(
        key=digest_of("bundle", text_key, image_key),
        snapshot_digest=snapshot,
        as_of=data.as_of.isoformat(),
        seed=services.settings.seed,
        low_confidence_share=_low_confidence_share(
            fused, weights, threshold=services.settings.confidence_threshold
        ),
    )
    bundle = ModelBundle(data.label_space, text, image, fusion, temperature, info)
    files = bundle.to_files()
    digest = digest_files(files)
    save_files(services.objects, bundle_prefix(digest), files)
    return digest


def image_report(services: Services, key: str) -> dict[str, float]:
    """What each image model did on the validation rows, by a stored component's key."""
    files = load_files(services.objects, component_prefix(key))
    report: dict[str, float] = json.loads(files[IMAGE_REPORT])
    return {f"validation_image_{name}": value for name, value in report.items()}


def component_prefix(key: str) -> str:
    """Where a trained component lies in the object store."""
    return f"components/{key}"


def _image_model(services: Services, key: str, data: Dataset) -> ImageModel | None:
    files = load_files(services.objects, component_prefix(key))
    if set(files) == {IMAGE_REPORT}:
        return None
    device = services.settings.device
    return ImageModel.from_files(files, label_space=data.label_space, device=device)


def _low_confidence_share(
    fused: NDArray[np.float64], weights: NDArray[np.float64], *, threshold: float
) -> float:
    """Over the rows that could be read; 1 without any, so that people look at what comes."""
    usable = ~np.isnan(fused[:, 0])
    if not usable.any():
        return 1.0
    return low_confidence_share(fused[usable], weights[usable], threshold=threshold)


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
