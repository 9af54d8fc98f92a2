"""What gunicorn runs in each worker: `gunicorn "ml.serving.main:create()"`."""

import logging
import os
import shutil
from functools import partial
from pathlib import Path

import psutil
from fastapi import FastAPI

from ml.wiring.build import Services
from ml.wiring.config import Settings, load_settings
from ml.wiring.secrets import load_secrets


def create() -> FastAPI:
    """The API over the services that the environment's settings name."""
    settings = load_settings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    folder = _metrics_folder(settings)
    # prometheus_client takes its folder from the environment only, and looks there when imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - written, not read
    secrets = load_secrets(settings.state)
    from ml.models.bundle import ModelBundle
    from ml.serving.app import create_app
    from ml.serving.metrics import Metrics

    return create_app(
        Services(settings),
        settings,
        api_key=secrets.api_key,
        reviewer_key=secrets.reviewer_key,
        metrics=Metrics(folder),
        load_bundle=partial(ModelBundle.from_files, device=settings.device),
    )


def _metrics_folder(settings: Settings) -> Path:
    """One folder for each start of the server, that is of this worker's parent; older ones go."""
    folder = settings.state.resolve() / "serving" / "metrics" / str(os.getppid())
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if not psutil.pid_exists(int(other.name)):
            shutil.rmtree(other, ignore_errors=True)
    return folder
