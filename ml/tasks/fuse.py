"""The task `fuse`: text and image models become one calibrated bundle, named by its content."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ml.domain.digests import digest_files
from ml.models.bundle import BundleInfo, ModelBundle
from ml.models.files import bundle_prefix, load_files, save_files
from ml.models.image import ImageModel
from ml.models.text import TextModel
from ml.tasks.artifacts import IMAGE_REPORT, component_prefix
from ml.tasks.dataset import Dataset, load_dataset, read_picture
from ml.training.evaluate import low_confidence_share
from ml.training.fusion import fuse as fuse_models
from ml.training.rows import row_weights
from ml.wiring.build import Services
from ml.wiring.config import load_settings


def fuse(snapshot: str, *, text_key: str, image_key: str, services: Services | None = None) -> str:
    """Choose the fusion and calibrate it on validation rows; returns the bundle's digest."""
    services = services or Services(load_settings())
    data = load_dataset(services, snapshot)
    text = TextModel.from_files(
        load_files(services.objects, component_prefix(text_key)), label_space=data.label_space
    )
    image = _image_model(services, image_key, data)
    fusion, temperature, fused = fuse_models(
        text, image, data.validation, picture_of=partial(read_picture, services)
    )
    info = BundleInfo(
        snapshot_digest=snapshot,
        as_of=data.as_of.isoformat(),
        seed=services.settings.seed,
        low_confidence_share=_low_confidence_share(
            fused,
            row_weights(data.validation),
            threshold=services.settings.confidence_threshold,
        ),
    )
    bundle = ModelBundle(data.label_space, text, image, fusion, temperature, info)
    files = bundle.to_files()
    digest = digest_files(files)
    save_files(services.objects, bundle_prefix(digest), files)
    return digest


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
