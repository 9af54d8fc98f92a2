"""Timetables of the DAGs."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable

from ml.wiring.config import load_settings


def cron(expression: str) -> str | None:
    """The cron expression, or None in a replay, where whoever drives the replay starts the runs."""
    return None if load_settings().replay else expression


def on_event_or_sweep(asset: Asset) -> Any:
    """At the asset's event, and every few minutes for one that was lost; no sweep in a replay."""
    settings = load_settings()
    if settings.replay:
        return [asset]
    minutes = f"*/{settings.alert_sweep_minutes} * * * *"
    return AssetOrTimeSchedule(
        assets=[asset], timetable=CronTriggerTimetable(minutes, timezone="UTC")
    )


def alert_lease() -> timedelta:
    """How long an attempt at an alert may take."""
    return timedelta(seconds=load_settings().alert_lease_seconds)


def longest_trial() -> timedelta:
    """How long a trial may take, and an approval with it."""
    return timedelta(days=load_settings().judge_max_days)
