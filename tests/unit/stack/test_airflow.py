from pathlib import Path

from ml.stack.airflow import airflow_environment, airflow_services
from ml.stack.layout import Layout
from ml.wiring.config import Settings
from ml.wiring.secrets import Secrets, load_secrets


def parts(tmp_path: Path) -> tuple[Settings, Secrets, Layout]:
    settings = Settings(state=tmp_path, airflow_port=18081)
    layout = Layout.of(settings)
    layout.make(shared_group=None)
    return settings, load_secrets(tmp_path), layout


def test_configuration_is_loopback_only_and_keeps_dags_paused(tmp_path: Path) -> None:
    environment = airflow_environment(*parts(tmp_path))
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18081"
    assert environment["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert (Path(environment["AIRFLOW__CORE__DAGS_FOLDER"]) / "retrain_monthly.py").exists()


def test_no_log_server_listens_on_every_interface(tmp_path: Path) -> None:
    services = airflow_services(*parts(tmp_path), database=())
    for service in services:
        if {"scheduler", "triggerer"} & set(service.command):
            assert "--skip-serve-logs" in service.command


def test_the_password_file_is_made_before_airflow_would_print_one(tmp_path: Path) -> None:
    settings, secrets, layout = parts(tmp_path)
    schema, *_ = airflow_services(settings, secrets, layout, database=())
    schema.prepare()
    made = layout.airflow / "passwords.json"
    assert made.read_text() == f'{{"admin": "{secrets.airflow_password}"}}'
    assert made.stat().st_mode & 0o777 == 0o600
