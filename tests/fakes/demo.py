"""A demo that was played, made up: ten stretches, a drift, a retraining, a sabotage."""

from datetime import UTC, datetime, timedelta
from random import Random

from ml.demo.accuracy import Accuracy
from ml.demo.curve import CurvePoint
from ml.demo.report import (
    AlertReport,
    ArmReport,
    Counts,
    DecisionReport,
    DemoReport,
    SabotageReport,
    StretchReport,
    Tally,
    VersionReport,
)
from ml.domain.predictions import Arm

START = datetime(2026, 2, 23, tzinfo=UTC)
STRETCH = timedelta(days=10)
PRODUCTS = 500
# Stretch by stretch: what the champion and (None: no trial) the challenger are worth.
WORTH = (
    *((0.86, None), (0.87, None), (0.86, None), (0.66, None), (0.65, 0.78)),
    *((0.79, None), (0.8, 0.04), (0.8, None)),
)
CHAMPIONS = (1, 1, 1, 1, 1, 2, 2, 2)
CHALLENGERS = (0, 0, 0, 0, 2, 0, 3, 0)
PROMOTED_AFTER = 5


def end_of(number: int) -> datetime:
    return START + number * STRETCH


def made_points(seed: int = 1) -> list[CurvePoint]:
    """One point a product."""
    rng = Random(seed)
    points = []
    for number, (champion, challenger) in enumerate(WORTH, start=1):
        for i in range(PRODUCTS):
            tried = challenger is not None and rng.random() < 0.4
            right = rng.random() < ((challenger if tried else champion) or 0.0)
            points.append(
                CurvePoint(
                    at=end_of(number - 1) + STRETCH * i / PRODUCTS,
                    stretch=number,
                    version=(CHALLENGERS if tried else CHAMPIONS)[number - 1],
                    arm=Arm.CHALLENGER if tried else Arm.CHAMPION,
                    right=right,
                    first_right=rng.random() < 0.65 if number > PROMOTED_AFTER else None,
                )
            )
    return points


def made_report() -> DemoReport:
    """What is reported of it."""
    return DemoReport(
        closed=True,
        faults=(),
        alerts=(AlertReport(end_of(4), "retrain", 1, "shifted: known words <share>", 1, True),),
        decisions=(
            _decision("promote", 1, 0, "airflow", "no champion before it"),
            _decision("challenge", 2, 4, "airflow", "weighted F1 0.80, the champion's 0.71"),
            _decision("promote", 2, 5, "judge_rollout", "accuracy 0.75, over the champion's 0.6"),
            _decision("challenge", 3, 6, "saboteur", "forced past the gate"),
            _decision("rollback", 3, 7, "judge_rollout", "accuracy 0.05 on 64 labels"),
        ),
        accuracy=Accuracy(0.863, 0.662, 0.794, 0.651, 0.794, 0.651, 1300, 1300),
        changed_at=end_of(3),
        lost=Tally(0, 0),
        doubled=Tally(0, 0),
        sabotage=SabotageReport(3, 0.4, True, 64, 101, 0.213, 1),
        stretches=[_stretch(number) for number in range(1, len(WORTH) + 1)],
        versions=(
            VersionReport(
                1, "first training", False, START.isoformat(), "d" * 64, {}, "http://mlflow/1"
            ),
        ),
        counts=Counts(4_000, 2_500, 900, 200, 0.88, 0),
        settings={"challenger_share": 0.4, "replay": True},
        seconds=420.0,
        peak_rss_mb=3_456.0,
        stage_seconds={"import": 3.0},
    )


def _decision(action: str, version: int, after: int, actor: str, reason: str) -> DecisionReport:
    at = end_of(after)
    return DecisionReport(action, reason, {"labels": 64.0}, at, version, actor, at)


def _stretch(number: int) -> StretchReport:
    champion, challenger = WORTH[number - 1]
    arms = {"champion": ArmReport(CHAMPIONS[number - 1], 300, champion or 0.0)}
    if challenger is not None:
        arms["challenger"] = ArmReport(CHALLENGERS[number - 1], 200, challenger)
    check = "data drift → retrain" if number == 4 else "no drift"
    return StretchReport(
        number, end_of(number - 1), end_of(number), PRODUCTS, champion or 0.0, arms, check, None
    )
