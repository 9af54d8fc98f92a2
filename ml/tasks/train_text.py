"""The task `train_text`: a frozen snapshot becomes a text model.

What it makes is stored under a key of all that determines it, so a task that was killed and cleared
finds what is finished, and nothing is trained twice.
"""

import logging

from ml.domain.digests import digest_of
from ml.models.files import has_files, save_files
from ml.tasks.artifacts import RECIPE_VERSION, component_prefix
from ml.tasks.dataset import load_dataset
from ml.training.text import train_text as train_text_model
from ml.wiring.build import Services
from ml.wiring.config import load_settings

_logger = logging.getLogger(__name__)


def train_text(snapshot: str, *, services: Services | None = None) -> str:
    """Train the text model on a snapshot; returns the key it is stored under."""
    services = services or Services(load_settings())
    seed = services.settings.seed
    key = digest_of("text", RECIPE_VERSION, snapshot, seed)
    if not has_files(services.objects, component_prefix(key)):
        data = load_dataset(services, snapshot)
        _logger.info("training text on %d products", data.train.num_rows)
        model = train_text_model(
            data.train, data.validation, label_space=data.label_space, seed=seed
        )
        save_files(services.objects, component_prefix(key), model.to_files())
    return key
