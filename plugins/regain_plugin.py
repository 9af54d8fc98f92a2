"""What regain adds to Airflow's API server: the receiver of MLflow's webhook."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from ml.wiring.endpoints import REGAIN_PREFIX
from regain_airflow.registry_webhook import receiver


class RegainPlugin(AirflowPlugin):
    name = "regain"
    fastapi_apps: ClassVar = [{"app": receiver(), "url_prefix": REGAIN_PREFIX, "name": "regain"}]
