import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from ml.domain.errors import InvalidInput
from ml.wiring.config import Settings, environment_of, load_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of regain."""
    for name in [name for name in os.environ if name.upper().startswith("REGAIN_")]:
        monkeypatch.delenv(name)


def test_the_defaults_are_valid() -> None:
    settings = load_settings()
    assert settings == Settings.model_validate(settings.model_dump())
    assert settings.model_fields_set == set()
    assert settings.state == Path(".state")
    assert settings.validation_share + settings.test_share < 1


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_SERVING_PORT", "1234")
    monkeypatch.setenv("REGAIN_REPLAY", "true")
    monkeypatch.setenv("REGAIN_BACKBONE_OPTIONS", '{"drop_rate": 0.5}')
    settings = load_settings()
    assert settings.serving_port == 1234
    assert settings.replay is True
    assert settings.backbone_options == {"drop_rate": 0.5}


def test_an_argument_outranks_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_STATE", "/from/the/environment")
    assert load_settings(state=Path("/given")).state == Path("/given")


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("REGAIN_SERVING_PORT", "many", "integer"),
        ("REGAIN_SERVING_PORT", "70000", "65535"),
        ("REGAIN_TEST_SHARE", "0.5", "less than 0.5"),
        ("REGAIN_AUDIT_SHARE", "0", "greater than 0"),
        ("REGAIN_REPLAY", "perhaps", "boolean"),
        ("REGAIN_LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("REGAIN_MAX_BATCH", "0", "greater than 0"),
        ("REGAIN_BACKBONE_OPTIONS", "[1]", "dictionary"),
        ("REGAIN_BACKBONE_OPTIONS", "{not json", ""),
    ],
)
def test_a_bad_variable_is_named_with_its_fault(
    variable: str, value: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput, match=variable) as refusal:
        load_settings()
    assert fault in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_every_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGAIN_MLFLOW_PORT", "x")
    monkeypatch.setenv("REGAIN_SEED", "y")
    with pytest.raises(InvalidInput, match=r"REGAIN_MLFLOW_PORT: .*; REGAIN_SEED: "):
        load_settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().seed = 1


def test_passwords_in_urls_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "AIRFLOW_DATABASE_URL", "MLFLOW_DATABASE_URL"):
        monkeypatch.setenv(f"REGAIN_{name}", "postgresql://user:s3cret@host/name")
    monkeypatch.setenv("REGAIN_REDIS_URL", "redis://:s3cret@host:6379/0")
    settings = load_settings()
    assert settings.database_url is not None
    assert "s3cret" in settings.database_url.get_secret_value()
    assert "s3cret" not in f"{settings!r} {settings}"


def test_another_process_reads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.touch()
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        state=Path("here"),
        database_url=SecretStr("postgresql://user:s3cret@host/name"),
        backbone_weights="weights.safetensors",
        backbone_options={"drop_rate": 0.5},
        replay=True,
        seed=7,
        audit_share=0.25,
        log_level="ERROR",
    )
    environment = environment_of(settings)
    monkeypatch.chdir("/")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = load_settings()
    absolute = {"state": tmp_path / "here", "backbone_weights": str(weights)}
    assert read == settings.model_copy(update=absolute)
    assert environment_of(read) == environment


def test_defaults_are_left_to_the_other_process(tmp_path: Path) -> None:
    assert environment_of(Settings(state=tmp_path)) == {"REGAIN_STATE": str(tmp_path)}
