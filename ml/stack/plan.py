"""Which services this installation runs itself, and which real ones stand in for the others."""

import sys
from dataclasses import replace
from functools import partial

from ml.stack.airflow import airflow_services
from ml.stack.health import probe_address, probe_http
from ml.stack.layout import Layout
from ml.stack.postgres import postgres_service
from ml.stack.processes import SERVICE_VARIABLE, STACK_VARIABLE
from ml.stack.redis import redis_service
from ml.stack.service import Service
from ml.stack.serving import serving_service
from ml.stack.tracking import mlflow_service, webhook_service
from ml.wiring.config import Settings, environment_of
from ml.wiring.secrets import load_secrets
from ml.wiring.urls import without_password


def embedded_databases(settings: Settings) -> tuple[str, ...]:
    """The databases that the embedded PostgreSQL holds; none when nobody needs it."""
    wanted = {
        "regain": settings.database_url is None,
        "airflow": settings.airflow_url is None and settings.airflow_database_url is None,
        "mlflow": settings.mlflow_url is None and settings.mlflow_database_url is None,
    }
    return tuple(name for name, embedded in wanted.items() if embedded)


def plan(settings: Settings, layout: Layout) -> list[Service]:
    """The services to run, in the order in which they are shown."""
    databases = embedded_databases(settings)

    def needs(database: str) -> tuple[str, ...]:
        return ("postgres",) if database in databases else ()

    secrets = load_secrets(layout.state)
    services = []
    if databases:
        services.append(postgres_service(layout, databases))
    if settings.redis_url is None:
        services.append(redis_service(layout))
    services.append(
        Service(
            name="schema",
            command=(sys.executable, "-m", "ml.stack.migrations", "regain"),
            needs=needs("regain"),
            once=True,
        )
    )
    if settings.mlflow_url is None:
        services.append(mlflow_service(settings, secrets, layout, database=needs("mlflow")))
    if settings.mlflow_url is None and settings.airflow_url is None:
        services.append(webhook_service())
    if settings.airflow_url is None:
        services += airflow_services(settings, secrets, layout, database=needs("airflow"))
    if settings.serving_url is None:
        services.append(serving_service(settings))
    common = _common_environment(settings, layout)
    return [
        replace(
            service,
            environment={**common, SERVICE_VARIABLE: service.name, **service.environment},
        )
        for service in services
    ]


def _common_environment(settings: Settings, layout: Layout) -> dict[str, str]:
    return {
        **environment_of(settings),
        STACK_VARIABLE: str(layout.state),
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # process titles leave the environment readable, with the stack's mark
        "MALLOC_ARENA_MAX": "2",  # glibc keeps far less memory in programs with many threads
        "DO_NOT_TRACK": "1",
    }


def real_services(settings: Settings) -> list[Service]:
    """The real services that settings name, with probes; they are never started or stopped."""
    addresses = {"postgres": settings.database_url, "redis": settings.redis_url}
    urls = {
        "mlflow": (settings.mlflow_url, "/health"),
        "airflow": (settings.airflow_url, "/api/v2/monitor/health"),
        "serving": (settings.serving_url, "/healthz"),
    }
    services = [
        Service(
            name=name,
            command=(),
            probe=partial(probe_address, secret.get_secret_value()),
            url=without_password(secret.get_secret_value()),
        )
        for name, secret in addresses.items()
        if secret is not None
    ]
    return services + [
        Service(
            name=name, command=(), probe=partial(probe_http, url + path), url=without_password(url)
        )
        for name, (url, path) in urls.items()
        if url is not None
    ]
