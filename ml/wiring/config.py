"""Every setting of regain, read from `REGAIN_*` environment variables and validated once.

This is the only module that reads the environment. Embedded services are used unless a URL names a
real one.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ml.domain.errors import InvalidInput
from ml.wiring.urls import DatabaseUrl, HttpUrl, ObjectsUrl, RedisUrl


class Settings(BaseSettings):
    """regain's settings. Each field is the variable `REGAIN_<NAME>`; defaults suit one machine."""

    model_config = SettingsConfigDict(env_prefix="REGAIN_", extra="ignore", frozen=True)

    # Where things are
    state: Path = Field(default=Path(".state"), description="folder of everything regain writes")
    database_url: DatabaseUrl | None = Field(
        default=None, description="SQLAlchemy URL of a real PostgreSQL (default: embedded)"
    )
    airflow_database_url: DatabaseUrl | None = Field(
        default=None,
        description="a real PostgreSQL for the embedded Airflow (default: the embedded PostgreSQL, "
        "which then runs even when database_url names a real one)",
    )
    mlflow_database_url: DatabaseUrl | None = Field(
        default=None,
        description="a real PostgreSQL for the embedded MLflow (default: as Airflow's)",
    )
    redis_url: RedisUrl | None = Field(default=None, description="a real Redis")
    objects_url: ObjectsUrl | None = Field(
        default=None, description="object store, file:///path or s3://bucket/prefix"
    )
    s3_endpoint_url: HttpUrl | None = Field(
        default=None, description="S3-compatible store's address"
    )
    mlflow_url: HttpUrl | None = Field(default=None, description="a real MLflow server")
    airflow_url: HttpUrl | None = Field(default=None, description="a real Airflow")
    serving_url: HttpUrl | None = Field(default=None, description="a real serving API")
    airflow_user: str = "admin"

    # Ports of the embedded services; all listen on loopback only
    mlflow_port: int = Field(default=15000, ge=1, le=65535)
    airflow_port: int = Field(default=18080, ge=1, le=65535)
    serving_port: int = Field(default=18000, ge=1, le=65535)

    # Serving
    serving_workers: int = Field(default=2, ge=1, description="serving processes")
    refresh_seconds: float = Field(default=1.0, gt=0, description="ledger polling interval")
    max_request_bytes: int = Field(default=16 * 2**20, gt=0, description="largest request body")
    max_picture_bytes: int = Field(default=10 * 2**20, gt=0, description="largest encoded picture")
    max_picture_pixels: int = Field(default=25_000_000, gt=0, description="largest decoded picture")
    max_title_length: int = Field(default=2_000, gt=0, description="characters")
    max_description_length: int = Field(default=50_000, gt=0, description="characters")
    max_batch: int = Field(default=128, gt=0, description="products in one batch request")
    cache_seconds: int = Field(default=86_400, gt=0, description="life of a cached answer")
    prediction_threads: int = Field(default=2, ge=1, description="per worker")
    max_waiting_requests: int = Field(default=256, ge=1, description="per worker; then 503")
    spool_fsync: bool = Field(
        default=False, description="predictions survive a power cut, at some milliseconds each"
    )

    # Review
    confidence_threshold: float = Field(
        default=0.8, ge=0, le=1, description="below it an answer may need review"
    )
    review_capacity_per_day: float = Field(default=500, ge=0, description="products people label")
    products_per_day: float = Field(default=5_000, gt=0, description="expected traffic")
    audit_share: float = Field(
        default=0.01, gt=0, le=1, description="random audit of all products, a floor under the rest"
    )
    second_review_share: float = Field(
        default=0.1, ge=0, le=1, description="of reviewed products that two people label blindly"
    )
    disagreement_capacity_per_day: float = Field(
        default=100, gt=0, description="of the review capacity, for champion and challenger's"
    )
    expected_disagreement: float = Field(
        default=0.1, gt=0, le=1, description="share of the products, where no evaluation tells it"
    )
    review_lease_seconds: float = Field(default=1_800, gt=0)
    selection_seed: int = 42

    # Training
    seed: int = 42
    split_seed: int = Field(default=42, description="fixed for the life of an installation")
    validation_share: float = Field(default=0.15, gt=0, lt=0.5)
    test_share: float = Field(default=0.2, gt=0, lt=0.5)
    min_class_rows: int = Field(default=10, ge=1, description="classes under it are train only")
    device: str = Field(default="auto", description="torch device, or auto: cuda when there is one")
    backbone: str = Field(default="mobilenetv2_100", description="timm architecture")
    backbone_weights: str | None = Field(
        default=None, description="safetensors path, object URI, or 'hub'; none: train from scratch"
    )
    backbone_options: dict[str, Any] = Field(
        default={"pad_type": "same"}, description="JSON arguments of timm.create_model"
    )
    backbone_mean: float = Field(default=0.5, description="channel mean of the inputs in [0, 1]")
    backbone_std: float = Field(default=0.5, gt=0, description="channel deviation of the inputs")
    image_size: int = Field(default=128, ge=32, le=512, description="pixels a side, weights given")
    scratch_image_size: int = Field(default=64, ge=32, le=256, description="the same, no weights")
    scratch_epochs: int = Field(default=12, ge=1)
    finetune_epochs: int = Field(default=1, ge=0, description="0 leaves the fine-tuned network out")
    max_class_weight: float = Field(default=10.0, ge=1)

    # Gate
    gate_max_f1_drop: float = Field(default=0.005, ge=0, description="weighted F1, absolute")
    gate_max_class_f1_drop: float = Field(default=0.10, ge=0, description="F1 of a class, absolute")
    gate_min_class_rows: int = Field(default=30, ge=1, description="test rows for a class to count")
    gate_max_calibration_error: float = Field(default=0.10, ge=0, description="expected, in [0, 1]")
    gate_max_latency_ms: float = Field(default=500.0, gt=0, description="one product, median")
    gate_recent_days: float = Field(default=60.0, gt=0, description="rows that count as recent")
    gate_min_recent_rows: int = Field(default=200, ge=1, description="recent rows to decide by")

    # Drift
    drift_reference_products: int = Field(
        default=2_000, ge=1, description="the first answers of a champion, what others are held to"
    )
    drift_window_products: int = Field(default=2_000, ge=1, description="in the current window")
    drift_window_days: float | None = Field(
        default=None,
        gt=0,
        description="the current window is this span and a sample of it; none: the last products",
    )
    drift_min_products: int = Field(
        default=200, ge=1, description="a window, or a signal, of fewer says nothing"
    )
    drift_max_false_discovery_rate: float = Field(
        default=0.05, gt=0, lt=1, description="of the signals' KS tests (Benjamini-Hochberg)"
    )
    drift_min_distance: float = Field(
        default=0.1, ge=0, le=1, description="KS distance under which a shift is no drift"
    )
    drift_checks_in_a_row: int = Field(
        default=3, ge=1, description="checks that must agree on data drift"
    )
    drift_max_divergence: float = Field(
        default=0.1, gt=0, description="KL of the predicted classes, in nats"
    )
    drift_max_accuracy_drop: float = Field(
        default=0.03, ge=0, description="accuracy on human labels, absolute"
    )
    drift_min_labels: int = Field(default=100, ge=1, description="labels a window needs")
    drift_min_confidence: float = Field(default=0.75, ge=0, le=1, description="mean of a window")
    alert_lease_seconds: float = Field(
        default=8 * 3_600, gt=0, description="an attempt that takes longer has failed"
    )
    alert_max_attempts: int = Field(default=3, ge=1, description="failed retrainings an alert")
    alert_sweep_minutes: int = Field(
        default=5, ge=1, le=59, description="how often waiting alerts are looked for"
    )

    # Rollout
    challenger_share: float = Field(
        default=0.05, gt=0, le=1, description="of the products that a challenger answers"
    )
    shadow_share: float = Field(
        default=1.0, gt=0, le=1, description="of the products that both models of a trial score"
    )
    shadow_queue: int = Field(
        default=512,
        ge=1,
        description="products per worker that wait for the second model; then "
        "new ones are left out",
    )
    watch_days: float = Field(
        default=14, ge=0, description="the champion before scores on after a promotion; 0: no watch"
    )
    watch_share: float = Field(
        default=0.2, gt=0, le=1, description="of the products that it scores then"
    )
    promotion_approval: bool = Field(
        default=False,
        description="an engineer approves promotions in Airflow; rollbacks never wait",
    )

    # Judge
    judge_policy: Literal["paired", "observed_drop"] = Field(
        default="paired", description="observed_drop: each arm's observed accuracy, a fixed limit"
    )
    judge_false_stop_rate: float = Field(
        default=0.025, gt=0, lt=0.5, description="chance of stopping a challenger that is no worse"
    )
    watch_false_stop_rate: float = Field(
        default=0.01, gt=0, lt=0.5, description="the same of a champion under watch"
    )
    guardrail_false_stop_rate: float = Field(
        default=0.015, gt=0, lt=0.5, description="the same of all guardrails together"
    )
    judge_false_promotion_rate: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="chance of promoting one that is worse by the margin",
    )
    judge_margin: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="promoted is who is less than this worse, absolute; 0: who is better",
    )
    judge_label_error: float = Field(
        default=0.15,
        ge=0,
        lt=0.5,
        description="share of labels that may be wrong; the margin shrinks by it",
    )
    judge_max_accuracy_drop: float = Field(
        default=0.02,
        ge=0,
        description="candidate under baseline, absolute; from here on a stop is a rollback",
    )
    judge_max_days: float = Field(
        default=30, gt=0, description="a trial that showed nothing by then is withdrawn"
    )
    judge_min_labels: int = Field(
        default=200, ge=1, description="observed_drop: reviewed answers of each arm"
    )
    cohort_draws: int = Field(
        default=10, ge=1, description="drawn disagreements that make a cohort"
    )
    cohort_hours: float = Field(default=24, gt=0, description="a cohort with fewer ends after them")
    cohort_complete: float = Field(
        default=0.9, gt=0, le=1, description="share of its labels that closes a cohort"
    )
    cohort_wait_days: float = Field(
        default=7, ge=0, description="after them it is closed with the labels that came"
    )
    guardrail_max_failure_rise: float = Field(
        default=0.005, ge=0, lt=1, description="products without an answer, absolute"
    )
    guardrail_max_unsure_rise: float = Field(
        default=0.05, ge=0, lt=1, description="products under the confidence threshold, absolute"
    )
    guardrail_min_class_share: float = Field(
        default=0.2, gt=0, lt=1, description="of the baseline's answers in a category"
    )
    guardrail_max_p95_ms: float = Field(
        default=1_000, gt=0, description="95th percentile of the candidate's answers"
    )

    # Airflow
    replay: bool = Field(default=False, description="cron timetables off: months pass in minutes")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("state")
    @classmethod
    def _is_no_file(cls, state: Path) -> Path:
        if os.path.exists(state) and not os.path.isdir(state):
            raise ValueError(f"{state} is not a folder; name one, or a path that is free")
        return state


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make `load_settings` return these settings in another process.

    Paths become absolute, since the other process may run in another folder.
    """
    values: dict[str, str] = {}
    for name in sorted(settings.model_fields_set - {"state"}):
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        elif name == "backbone_weights" and value is not None and Path(value).is_file():
            value = Path(value).resolve()
        if value is not None:
            plain = isinstance(value, (str, Path))
            values[f"REGAIN_{name.upper()}"] = str(value) if plain else json.dumps(value)
    return {"REGAIN_STATE": str(settings.state.resolve()), **values}


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; raises InvalidInput naming each bad variable and its fault."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = "; ".join(
            f"REGAIN_{'_'.join(str(part) for part in fault['loc']).upper()}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        )
        raise InvalidInput(f"settings are not valid: {faults}") from None
    except SettingsError as error:
        raise InvalidInput(f"settings are not valid: {_not_json(error)}") from None


def _not_json(error: SettingsError) -> str:
    """The variable whose JSON can't be read; pydantic names the field in its message only."""
    named = re.search(r'"(\w+)"', str(error))
    field = named[1] if named else "*"
    return f'REGAIN_{field.upper()}: is not JSON; write it like {{"name": value}}'
