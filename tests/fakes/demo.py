"""A demo that was played, made up: ten stretches, a drift, a retraining, a sabotage."""

from datetime import UTC, datetime, timedelta
from random import Random

from ml.demo.accuracy import Accuracy
from ml.demo.comparisons import ComparisonReport
from ml.demo.curve import CurvePoint
from ml.demo.label_truth import LabelsReport
from ml.demo.labels_needed import Median
from ml.demo.needed import NeededReport
from ml.demo.report import (
    AlertReport,
    ArmReport,
    Counts,
    DecisionReport,
    DemoReport,
    SabotageReport,
    ShadowWork,
    StretchReport,
    Tally,
    VersionReport,
)
from ml.demo.rules import REGAIN, RULES, STOPPING
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
            _decision("rollback", 3, 7, "judge_rollout", "accuracy -60% by 24 labels"),
        ),
        accuracy=Accuracy(0.863, 0.662, 0.794, 0.651, 0.794, 0.651, 1300, 1300),
        labels_say=LabelsReport(1_500, 700, 0.68, 0.78, 0.751, 0.806, 0.775, 0.863),
        comparisons=(
            _comparison("trial-4", "trial", 2, 1, "promote", won=38, lost=14),
            _comparison("watch-5", "watch", 2, 1, "confirm", won=40, lost=15),
            _comparison("trial-6", "trial", 3, 2, "rollback", won=1, lost=17),
        ),
        needed=(
            _needed(2, "promote", labels=74, enough=50),
            _needed(3, "stop", labels=24, enough=None),
        ),
        shadow=ShadowWork(1_700, 3, 0),
        changed_at=end_of(3),
        lost=Tally(0, 0),
        doubled=Tally(0, 0),
        sabotage=SabotageReport(3, 0.4, True, 90, "rollback", 24, 1, 17, 0.213, 1),
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


def _comparison(
    experiment: str, kind: str, version: int, rival: int, verdict: str, *, won: int, lost: int
) -> ComparisonReport:
    """Of 600 products, 150 of which both models answered differently."""
    return ComparisonReport(
        experiment=experiment,
        kind=kind,
        version=version,
        rival=rival,
        verdict=verdict,
        products=600,
        disagreements=150,
        label_probability=0.6,
        cohorts=9,
        drawn=90,
        labels=won + lost + 6,
        wins=won,
        ties=6,
        losses=lost,
        difference=(won - lost) / 240,
        difference_low=(won - lost) / 240 - 0.05,
        difference_high=(won - lost) / 240 + 0.05,
        labels_to_decide=None,
    )


def _needed(version: int, decision: str, *, labels: int, enough: int | None) -> NeededReport:
    rules = {
        name: Median(70 if name == REGAIN else None if name in STOPPING else 500, 10_000, 0.02)
        for name in RULES
    }
    return NeededReport(version, decision, labels, enough, rules)


def _stretch(number: int) -> StretchReport:
    champion, challenger = WORTH[number - 1]
    arms = {"champion": ArmReport(CHAMPIONS[number - 1], 300, champion or 0.0)}
    if challenger is not None:
        arms["challenger"] = ArmReport(CHALLENGERS[number - 1], 200, challenger)
    check = "data drift → retrain" if number == 4 else "no drift"
    return StretchReport(
        number, end_of(number - 1), end_of(number), PRODUCTS, champion or 0.0, arms, check, None
    )
