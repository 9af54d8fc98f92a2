"""The embedded Airflow: LocalExecutor on PostgreSQL, loopback only, nothing phoned home."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ml.stack.health import probe_airflow
from ml.stack.layout import Layout
from ml.stack.service import Service, program
from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import Secrets

REPOSITORY = Path(__file__).parents[2]
PARALLEL_TASKS = 4

Options = Mapping[str, Mapping[str, object]]

# New and changed DAG files are seen within seconds; a killed task or scheduler is noticed
# within a minute instead of five.
_PACE: Options = {
    "dag_processor": {
        "refresh_interval": 5,
        "bundle_refresh_check_interval": 2,
        "min_file_process_interval": 10,
        "parsing_processes": 1,
    },
    "scheduler": {
        "scheduler_idle_sleep_time": 0.5,
        "orphaned_tasks_check_interval": 20,
        "task_instance_heartbeat_timeout": 60,
        "task_instance_heartbeat_timeout_detection_interval": 5,
    },
}


def airflow_environment(settings: Settings, secrets: Secrets, layout: Layout) -> dict[str, str]:
    """Airflow's configuration, as the variables it reads."""
    home = {
        "AIRFLOW_HOME": str(layout.airflow),
        # Idle threads of a training task sleep instead of spinning beside the other services.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return home | {
        f"AIRFLOW__{section}__{name}".upper(): str(value)
        for options in (_installation(settings, secrets, layout), _PACE)
        for section, values in options.items()
        for name, value in values.items()
    }


def _installation(settings: Settings, secrets: Secrets, layout: Layout) -> Options:
    url = endpoints.airflow_url(settings)
    return {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": PARALLEL_TASKS,
            "max_active_tasks_per_dag": PARALLEL_TASKS,
            "dags_folder": REPOSITORY / "dags",
            "plugins_folder": REPOSITORY / "plugins",
            "load_examples": False,
            "dags_are_paused_at_creation": True,
            "fernet_key": secrets.airflow_fernet_key,
            "execution_api_server_url": f"{url}/execution/",
            "simple_auth_manager_users": f"{settings.airflow_user}:ADMIN",
            "simple_auth_manager_passwords_file": layout.airflow / "passwords.json",
        },
        "database": {
            "sql_alchemy_conn": endpoints.airflow_database_url(settings),
            "sql_alchemy_pool_size": 5,
        },
        "api": {
            "host": endpoints.LOOPBACK,
            "port": settings.airflow_port,
            "workers": 1,
            "base_url": url,
            "secret_key": secrets.airflow_api_secret,
        },
        "api_auth": {"jwt_secret": secrets.airflow_jwt_secret},
        "logging": {
            "base_log_folder": layout.logs / "tasks",
            "dag_processor_child_process_log_directory": layout.logs / "dag-processor",
            "logging_level": settings.log_level,
        },
        "dag_processor": {"dag_bundle_storage_path": layout.airflow / "bundles"},
    }


def airflow_services(
    settings: Settings, secrets: Secrets, layout: Layout, *, database: tuple[str, ...]
) -> list[Service]:
    """Airflow's schema step and its four components; `database` is what the schema waits for.

    The log servers stay off: they would listen on every interface, and the api-server reads the
    logs of tasks on this machine from their files.
    """
    url = endpoints.airflow_url(settings)
    environment = airflow_environment(settings, secrets, layout)
    component = partial(Service, environment=environment, needs=("airflow-schema",))
    airflow = program("airflow")

    def health(name: str, service: str) -> partial[str | None]:
        return partial(probe_airflow, url, name, layout, service)

    return [
        Service(
            name="airflow-schema",
            command=(sys.executable, "-m", "ml.stack.migrations", "airflow"),
            environment=environment,
            needs=database,
            prepare=lambda: _write_passwords(settings, secrets, layout),
            once=True,
        ),
        component(
            name="airflow-api-server",
            command=(airflow, "api-server"),
            probe=health("metadatabase", "airflow-api-server"),
            ports={"airflow_port": settings.airflow_port},
            url=url,
        ),
        component(
            name="airflow-scheduler",
            command=(airflow, "scheduler", "--skip-serve-logs"),
            probe=health("scheduler", "airflow-scheduler"),
        ),
        component(
            name="airflow-dag-processor",
            command=(airflow, "dag-processor"),
            probe=health("dag_processor", "airflow-dag-processor"),
        ),
        component(
            name="airflow-triggerer",
            command=(airflow, "triggerer", "--skip-serve-logs"),
            probe=health("triggerer", "airflow-triggerer"),
        ),
    ]


def _write_passwords(settings: Settings, secrets: Secrets, layout: Layout) -> None:
    """Airflow's password file, made by us so that Airflow neither invents one nor prints it."""
    descriptor, draft = tempfile.mkstemp(dir=layout.airflow)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump({settings.airflow_user: secrets.airflow_password}, file)
    os.replace(draft, layout.airflow / "passwords.json")
