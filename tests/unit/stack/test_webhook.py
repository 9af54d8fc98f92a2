"""A webhook that can't be had keeps nothing from starting."""

import pytest

from ml.adapters.registry import webhooks
from ml.domain.errors import ServiceUnavailable
from ml.stack.webhook import register
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns of its own types when imported


def test_mlflow_is_told_where_airflow_listens_and_what_to_sign_with(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, str] = {}
    monkeypatch.setattr(webhooks, "register_webhook", lambda at, **terms: told.update(terms, at=at))
    settings = Settings(state=tmp_path, mlflow_port=1234, airflow_port=2345)
    assert register(settings)
    assert told == {
        "at": "http://127.0.0.1:1234",
        "url": "http://127.0.0.1:2345/regain/registry-events",
        "secret": load_secrets(tmp_path).mlflow_webhook_secret,
    }


def test_mlflow_away_is_no_failure(
    tmp_path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_url: str, **_: str) -> None:
        raise ServiceUnavailable("MLflow does not answer")

    monkeypatch.setattr(webhooks, "register_webhook", away)
    assert not register(Settings(state=tmp_path))
    assert "MLflow does not answer" in caplog.text
