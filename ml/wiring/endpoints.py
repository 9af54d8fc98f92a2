"""Where each service is: the real one a setting names, else the state folder's embedded one."""

from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from ml.domain.digests import digest_of
from ml.wiring.config import Settings

LOOPBACK = "127.0.0.1"
REGAIN_PREFIX = "/regain"  # of what regain adds to Airflow's API server
REGISTRY_EVENTS_PATH = "/registry-events"
_POSTGRES_PORT = 5432  # part of its socket's name; nothing listens on it
_LONGEST_SOCKET_FOLDER = 80  # a Unix socket's whole path may have 107 characters


def socket_folder(settings: Settings) -> Path:
    """Folder of the embedded services' Unix sockets (short enough for the kernel)."""
    folder = settings.state.resolve() / "sockets"
    if len(str(folder)) <= _LONGEST_SOCKET_FOLDER:
        return folder
    return Path("/tmp") / f"regain-{digest_of(str(folder))[:12]}"


def embedded_database_url(settings: Settings, database: str) -> str:
    """SQLAlchemy URL of one database of the embedded PostgreSQL."""
    folder = quote(str(socket_folder(settings)))
    # The port too, or PGPORT of the user's shell would name another socket.
    return f"postgresql+psycopg2://postgres@/{database}?host={folder}&port={_POSTGRES_PORT}"


def _named_or_embedded(settings: Settings, named: SecretStr | None, database: str) -> str:
    if named is not None:
        return named.get_secret_value()
    return embedded_database_url(settings, database)


def database_url(settings: Settings) -> str:
    return _named_or_embedded(settings, settings.database_url, "regain")


def airflow_database_url(settings: Settings) -> str:
    return _named_or_embedded(settings, settings.airflow_database_url, "airflow")


def mlflow_database_url(settings: Settings) -> str:
    return _named_or_embedded(settings, settings.mlflow_database_url, "mlflow")


def redis_url(settings: Settings) -> str:
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    return f"unix://{socket_folder(settings)}/redis.sock"


def objects_url(settings: Settings) -> str:
    return settings.objects_url or (settings.state.resolve() / "objects").as_uri()


def mlflow_url(settings: Settings) -> str:
    return settings.mlflow_url or f"http://{LOOPBACK}:{settings.mlflow_port}"


def airflow_url(settings: Settings) -> str:
    return settings.airflow_url or f"http://{LOOPBACK}:{settings.airflow_port}"


def serving_url(settings: Settings) -> str:
    return settings.serving_url or f"http://{LOOPBACK}:{settings.serving_port}"


def registry_events_url(settings: Settings) -> str:
    """Where Airflow takes MLflow's word of edited aliases."""
    return f"{airflow_url(settings)}{REGAIN_PREFIX}{REGISTRY_EVENTS_PATH}"
