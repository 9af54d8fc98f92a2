from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ml.wiring import endpoints
from ml.wiring.config import Settings

LONGEST_SOCKET = 107
SOCKETS = (".s.PGSQL.5432.lock", "redis.sock", "supervisor.sock")


@pytest.mark.parametrize(
    ("setting", "url", "endpoint"),
    [
        ("database_url", "postgresql://a:b@db/regain", endpoints.database_url),
        ("airflow_database_url", "postgresql://a:b@db/af", endpoints.airflow_database_url),
        ("mlflow_database_url", "postgresql://a:b@db/ml", endpoints.mlflow_database_url),
        ("redis_url", "rediss://:secret@cache:6380/2", endpoints.redis_url),
        ("objects_url", "s3://bucket/prefix", endpoints.objects_url),
        ("mlflow_url", "https://mlflow.example", endpoints.mlflow_url),
        ("airflow_url", "https://airflow.example", endpoints.airflow_url),
        ("serving_url", "https://regain.example", endpoints.serving_url),
    ],
)
def test_a_real_service_wins_and_moves_no_other(
    tmp_path: Path, setting: str, url: str, endpoint: Callable[[Settings], str]
) -> None:
    embedded = Settings(state=tmp_path)
    real = Settings.model_validate({"state": tmp_path, setting: url})
    assert endpoint(real) == url != endpoint(embedded)
    others: list[Callable[[Settings], str]] = [
        endpoints.database_url,
        endpoints.airflow_database_url,
        endpoints.mlflow_database_url,
        endpoints.redis_url,
        endpoints.objects_url,
        endpoints.mlflow_url,
        endpoints.airflow_url,
        endpoints.serving_url,
    ]
    others.remove(endpoint)
    assert [other(real) for other in others] == [other(embedded) for other in others]


def test_embedded_services_are_in_the_state_folder_or_on_loopback(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, mlflow_port=1001, airflow_port=1002, serving_port=1003)
    sockets = str(endpoints.socket_folder(settings))
    assert endpoints.redis_url(settings).startswith(f"unix://{sockets}/")
    assert endpoints.objects_url(settings) == f"file://{tmp_path}/objects"
    assert endpoints.mlflow_url(settings) == "http://127.0.0.1:1001"
    assert endpoints.airflow_url(settings) == "http://127.0.0.1:1002"
    assert endpoints.serving_url(settings) == "http://127.0.0.1:1003"


def test_each_database_has_a_name_of_its_own_in_one_server(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    urls = [
        make_url(endpoint(settings))
        for endpoint in (
            endpoints.database_url,
            endpoints.airflow_database_url,
            endpoints.mlflow_database_url,
        )
    ]
    assert [url.database for url in urls] == ["regain", "airflow", "mlflow"]
    assert {url.query["host"] for url in urls} == {str(endpoints.socket_folder(settings))}


@pytest.mark.parametrize("length", [1, 30, 60, 71, 72, 90, 200])
def test_a_socket_fits_whatever_the_path_of_the_state(length: int) -> None:
    """Once it does not fit, the folder is outside of the state, short, and the state's own."""
    settings = Settings(state=Path("/", *["s"] * (length // 2), "s"))
    folder = endpoints.socket_folder(settings)
    assert max(len(str(folder / socket)) for socket in SOCKETS) <= LONGEST_SOCKET
    if length < 70:
        assert folder == settings.state / "sockets"
    assert endpoints.socket_folder(settings) == folder
    assert folder != endpoints.socket_folder(Settings(state=settings.state / "other"))


def test_a_short_state_keeps_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")
    assert endpoints.socket_folder(Settings(state=Path("state"))) == Path("/tmp/state/sockets")


def test_a_state_reached_by_a_link_has_the_same_sockets(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to("state")
    direct, linked = (Settings(state=tmp_path / name) for name in ("state", "link"))
    assert endpoints.socket_folder(direct) == endpoints.socket_folder(linked)
    assert endpoints.objects_url(direct) == endpoints.objects_url(linked)


def test_a_state_with_blanks_and_marks_is_a_valid_object_url(tmp_path: Path) -> None:
    url = endpoints.objects_url(Settings(state=tmp_path / "my état #1"))
    assert url.startswith("file:///")
    assert " " not in url
    assert "#" not in url


def test_a_state_with_marks_reaches_the_database() -> None:
    settings = Settings(state=Path("/srv/a b&c#d%20e+f"))
    url = make_url(endpoints.database_url(settings))
    assert url.database == "regain"
    assert url.query["host"] == str(endpoints.socket_folder(settings))
