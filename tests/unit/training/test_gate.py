from dataclasses import replace

import numpy as np
import pytest

from ml.domain.errors import InvalidInput
from ml.training.evaluation import ClassResult, Evaluation, Figures
from ml.training.gate import GatePolicy, admit
from tests.unit.training.catalogue import SPACE

POLICY = GatePolicy(
    max_f1_drop=0.005,
    max_class_f1_drop=0.10,
    min_class_rows=30,
    min_recent_rows=200,
    max_calibration_error=0.10,
    max_latency_ms=500,
)


def figures(f1=0.85, *, rows=1000, error=0.03, noise=0.02) -> Figures:
    return Figures(rows, f1, f1, f1, error, noise)


def evaluation(
    f1=0.85, *, shared=None, recent=None, games=0.8, games_rows=100, latency_ms=10.0, **calibration
) -> Evaluation:
    nothing = figures(0.0, rows=0, error=0.0, noise=0.0)
    f1s = {"books": (0.9, 500), "games": (games, games_rows), "garden": (0.7, 400)}
    return Evaluation(
        label_space=SPACE,
        fused=figures(f1, **calibration),
        shared=shared or figures(f1),
        recent=recent or figures(f1, rows=300),
        text=figures(f1),
        image=nothing,
        classes=tuple(
            ClassResult(category, rows, float(rows), float(rows), value, value, value)
            for category, (value, rows) in f1s.items()
        ),
        confusion=np.eye(3),
        low_confidence_share=0.2,
        latency_ms=latency_ms,
    )


CHAMPION = evaluation()


def test_as_good_as_the_champion_is_good_enough():
    decision = admit(evaluation(), CHAMPION, POLICY)
    assert decision.admitted
    assert decision.reasons == ()
    assert decision.numbers["candidate_weighted_f1"] == 0.85
    assert decision.numbers["champion_recent_rows"] == 300


def test_the_first_candidate_only_has_to_be_calibrated_and_fast():
    assert admit(evaluation(0.2), None, POLICY).admitted
    assert not admit(evaluation(error=0.5), None, POLICY).admitted
    assert "champion_weighted_f1" not in admit(evaluation(), None, POLICY).numbers


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (evaluation(0.84), ["0.0100 under", "shared classes", "recent"]),
        (evaluation(shared=figures(0.80)), ["1000 test rows of shared classes"]),
        (evaluation(recent=figures(0.80, rows=200)), ["200 recent test rows"]),
        (evaluation(games=0.69), ["class 'games' is 0.6900 on 100 test rows, 0.1100 under"]),
        (evaluation(error=0.13), ["calibration error 0.130 (of which chance 0.020)"]),
        (evaluation(latency_ms=501), ["501 ms"]),
        (evaluation(latency_ms=501, error=0.13, games=0.5), ["calibration", "501 ms", "games"]),
    ],
)
def test_every_check_that_refuses_is_named_with_its_numbers(candidate, expected):
    decision = admit(candidate, CHAMPION, POLICY)
    assert not decision.admitted
    assert len(decision.reasons) == len(expected)
    for reason, part in zip(decision.reasons, expected, strict=True):
        assert part in reason
    assert all(reason in decision.reason for reason in decision.reasons)


@pytest.mark.parametrize(
    "candidate",
    [
        evaluation(0.8451),
        evaluation(0.95),
        evaluation(recent=figures(0.50, rows=199)),
        evaluation(games=0.71),
        evaluation(games=0.0, games_rows=29),
        evaluation(error=0.119),
        evaluation(latency_ms=500),
    ],
)
def test_within_the_margins_it_is_admitted(candidate):
    assert admit(candidate, CHAMPION, POLICY).admitted


def test_evaluations_in_different_label_spaces_are_not_compared():
    newer = replace(CHAMPION, label_space=SPACE.extend(["animals"]))
    with pytest.raises(InvalidInput, match="newest version"):
        admit(newer, CHAMPION, POLICY)
