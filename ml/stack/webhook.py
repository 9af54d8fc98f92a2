"""Have the embedded MLflow tell Airflow of edited aliases: `python -m ml.stack.webhook`.

Without it edits are seen by the DAG follow_registry alone, minutes later, so no failure of it keeps
an installation from starting.
"""

import logging

from ml.domain.errors import RegainError
from ml.wiring import endpoints
from ml.wiring.config import Settings, load_settings
from ml.wiring.secrets import load_secrets

_logger = logging.getLogger(__name__)


def register(settings: Settings) -> bool:
    """Whether MLflow took it; it is asked the same at every start."""
    from ml.adapters.registry.webhooks import register_webhook

    try:
        register_webhook(
            endpoints.mlflow_url(settings),
            url=endpoints.registry_events_url(settings),
            secret=load_secrets(settings.state).mlflow_webhook_secret,
        )
    except RegainError as error:
        _logger.warning("no webhook, so edited aliases are seen minutes later: %s", error)
        return False
    return True


if __name__ == "__main__":
    register(load_settings())
