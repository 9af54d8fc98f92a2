"""What gunicorn runs in each worker: `ml.serving.main:create()`."""

import logging
import os
from functools import partial

from fastapi import FastAPI

from ml.serving.server import metrics_folder
from ml.wiring.build import Services
from ml.wiring.config import load_settings
from ml.wiring.secrets import load_secrets


def create() -> FastAPI:
    """The API over the services that the environment's settings name."""
    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    folder = metrics_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    # prometheus_client takes its folder from the environment only, and looks there when imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - written, not read
    secrets = load_secrets(settings.state)
    from ml.models.bundle import ModelBundle
    from ml.serving.app import create_app
    from ml.serving.metrics import Metrics

    metrics = Metrics(folder)
    return create_app(
        Services(settings, on_cache_error=metrics.cache_errors.inc),
        settings,
        api_key=secrets.api_key,
        reviewer_key=secrets.reviewer_key,
        metrics=metrics,
        load_bundle=partial(ModelBundle.from_files, device=settings.device),
    )
