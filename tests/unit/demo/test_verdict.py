"""Whether the loop closed."""

from collections.abc import Sequence
from dataclasses import replace

from ml.demo.accuracy import Accuracy
from ml.demo.comparisons import ComparisonReport
from ml.demo.report import AlertReport, SabotageReport, Tally
from ml.demo.verdict import faults, losses
from tests.fakes.demo import made_report

REPORT = made_report()


def found(
    *,
    alerts: tuple[AlertReport, ...] = tuple(REPORT.alerts),
    sabotage: SabotageReport | None = REPORT.sabotage,
    comparisons: Sequence[ComparisonReport] = REPORT.comparisons,
    figures: Accuracy = REPORT.accuracy,
    regained: bool = True,
    made: bool = True,
) -> list[str]:
    return list(faults(alerts, sabotage, comparisons, figures, regained=regained, made=made))


def test_a_loop_that_showed_everything_is_closed() -> None:
    assert found() == []
    assert found(made=False) == []
    assert list(losses(Tally(0, 0), Tally(0, 0))) == []


def test_each_thing_that_is_missing_is_told() -> None:
    (alert,) = REPORT.alerts
    assert REPORT.sabotage is not None
    kept = replace(REPORT.sabotage, rolled_back=False)
    for told, fault in (
        (found(alerts=()), "asked for a retraining"),
        (found(alerts=(replace(alert, action="review"),)), "asked for a retraining"),
        (found(alerts=(replace(alert, settled=False),)), "not settled"),
        (found(regained=False), "retrained on the drift was promoted"),
        (found(figures=replace(REPORT.accuracy, after=None)), "nothing was served"),
        (found(sabotage=None), "no sabotage"),
        (found(sabotage=kept), "version 3, was not stopped by the judge"),
        (found(comparisons=REPORT.comparisons[:1]), "no new champion was watched"),
    ):
        assert len(told) == 1
        assert fault in told[0]


def test_accuracy_has_to_be_regained_over_version_1_and_what_a_made_drift_left() -> None:
    between = replace(REPORT.accuracy, after=0.655)  # drifted 0.662, version 1 0.651
    assert [fault.split()[-1] for fault in found(figures=between)] == ["promotion"]
    assert found(figures=between, made=False) == []
    easy = replace(REPORT.accuracy, first_version_on_later_products=0.8)  # after 0.794
    for made in (True, False):
        assert len(found(figures=easy, made=made)) == 1


def test_what_was_lost_or_doubled_is_counted() -> None:
    assert list(losses(Tally(3, 0), Tally(0, 1))) == [
        "3 predictions were lost",
        "1 labels were doubled",
    ]
