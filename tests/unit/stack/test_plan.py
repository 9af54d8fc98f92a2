import json
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from ml.stack.layout import Layout
from ml.stack.plan import embedded_databases, plan, real_services
from ml.stack.service import Service
from ml.stack.supervisor import render, spec_of
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

REAL = "postgresql+psycopg2://me:open-sesame@db.example:5432/regain"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state=tmp_path / "state",
        airflow_database_url=SecretStr(REAL + "_airflow"),
        mlflow_database_url=SecretStr(REAL + "_mlflow"),
    )


def services_of(settings: Settings) -> dict[str, Service]:
    return {service.name: service for service in plan(settings, Layout.of(settings))}


def test_everything_is_embedded_by_default(tmp_path: Path) -> None:
    assert list(services_of(Settings(state=tmp_path))) == [
        "postgres",
        "redis",
        "schema",
        "mlflow",
        "mlflow-webhook",
        "airflow-schema",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "serving",
    ]


@pytest.mark.parametrize(
    ("replaced", "gone"),
    [
        ({"redis_url": "redis://cache:6379"}, {"redis"}),
        ({"mlflow_url": "http://mlflow:5000"}, {"mlflow", "mlflow-webhook"}),
        ({"serving_url": "http://serving:8000"}, {"serving"}),
        (
            {"airflow_url": "http://airflow:8080"},
            {
                "mlflow-webhook",
                "airflow-schema",
                "airflow-api-server",
                "airflow-scheduler",
                "airflow-dag-processor",
                "airflow-triggerer",
            },
        ),
    ],
)
def test_a_real_service_replaces_the_embedded_one(
    tmp_path: Path, replaced: dict[str, str], gone: set[str]
) -> None:
    default = services_of(Settings(state=tmp_path))
    settings = Settings(state=tmp_path, **replaced)
    assert set(default) - set(services_of(settings)) == gone
    (real,) = real_services(settings)
    assert real.url == next(iter(replaced.values()))


def test_airflow_and_mlflow_keep_the_embedded_postgresql_beside_a_real_database(
    tmp_path: Path,
) -> None:
    settings = Settings(state=tmp_path, database_url=SecretStr(REAL))
    assert embedded_databases(settings) == ("airflow", "mlflow")
    services = services_of(settings)
    assert services["schema"].needs == ()
    assert services["mlflow"].needs == ("postgres",)


def test_postgresql_is_left_out_when_every_database_is_real(settings: Settings) -> None:
    settings = settings.model_copy(update={"database_url": SecretStr(REAL)})
    services = services_of(settings)
    assert "postgres" not in services
    assert all("postgres" not in service.needs for service in services.values())


def test_no_secret_reaches_a_command_line_or_supervisors_configuration(settings: Settings) -> None:
    layout = Layout.of(settings)
    services = plan(settings, layout)
    made = json.loads((layout.state / "secrets.json").read_text())
    visible = render(services, layout) + "".join(
        part for service in services for part in service.command
    )
    for secret in (*made.values(), "open-sesame"):
        assert secret not in visible
    specs = "".join(spec_of(service) for service in services)
    assert load_secrets(layout.state).airflow_jwt_secret in specs
    assert "open-sesame" in specs


def test_every_service_carries_the_stacks_mark_and_the_settings(settings: Settings) -> None:
    state = str(settings.state.resolve())
    for service in services_of(settings).values():
        assert service.environment["REGAIN_STACK"] == state
        assert service.environment["REGAIN_SERVICE"] == service.name
        assert service.environment["REGAIN_STATE"] == state
        assert service.environment["REGAIN_AIRFLOW_DATABASE_URL"] == REAL + "_airflow"


def test_needs_name_services_of_the_plan(tmp_path: Path) -> None:
    services = services_of(Settings(state=tmp_path))
    for service in services.values():
        assert set(service.needs) <= set(services)


def test_passwords_are_not_shown_in_urls(settings: Settings) -> None:
    settings = settings.model_copy(update={"database_url": SecretStr(REAL)})
    (real,) = real_services(settings)
    assert real.url == "postgresql+psycopg2://me:***@db.example:5432/regain"
    query = SecretStr("postgresql:///regain?user=me&password=open-sesame&host=db.example")
    (real,) = real_services(settings.model_copy(update={"database_url": query}))
    assert real.url == "postgresql:///regain?user=me&password=***&host=db.example"


def test_steps_run_with_this_python(tmp_path: Path) -> None:
    assert services_of(Settings(state=tmp_path))["schema"].command[0] == sys.executable
