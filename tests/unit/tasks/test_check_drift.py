"""The task check_drift over fakes: what it stores, what it alerts, what a repetition changes."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.drift import Action, Monitor
from ml.domain.errors import Conflict, InvalidInput, ServiceUnavailable
from ml.domain.ports import DriftFigures
from ml.tasks.check_drift import check_drift, report_key
from ml.wiring.config import Settings
from tests.examples import CLASSES, START, a_prediction, a_review_label
from tests.fakes import FakeServices

SETTINGS = Settings(
    drift_reference_products=400,
    drift_window_products=400,
    drift_min_products=200,
    drift_checks_in_a_row=2,
)


@pytest.fixture
def services() -> FakeServices:
    """Version 1 is champion and has answered nothing."""
    services = FakeServices(SETTINGS)
    services.label_spaces.extend([*CLASSES, "another"], cause="test", at=START)
    change(services, LedgerAction.PROMOTE, 1)
    return services


def change(services: FakeServices, action: LedgerAction, version: int, **more: float) -> None:
    key = f"{action} {version}"
    services.ledger.append(LedgerChange(key, action, version, "digest", 1, "", "t", START, **more))


def serve(
    services: FakeServices, numbers: range, *, shift: float = 0.0, right: float = 0.9
) -> None:
    """Answer a product a minute and label it at once, agreeing with so many answers."""
    rng = np.random.default_rng(numbers.start)
    predictions = [
        a_prediction(
            number,
            predicted_at=START + timedelta(minutes=number),
            category=str(rng.choice(CLASSES)),
            confidence=0.9,
            signals={"title_length": float(rng.normal() + shift), "has_picture": 1.0},
        )
        for number in numbers
    ]
    services.predictions.append(predictions)
    services.labels.append(
        [
            a_review_label(
                prediction,
                category=prediction.category if number % 10 < 10 * right else "another",
                labelled_at=prediction.predicted_at,
            )
            for number, prediction in zip(numbers, predictions, strict=True)
        ]
    )


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def drifted(services: FakeServices) -> set[Monitor]:
    """What the newest check found."""
    (check,) = services.drift_log.recent(limit=1)
    return {finding.monitor for finding in check.findings if finding.drifted}


def test_without_a_champion_nothing_is_checked() -> None:
    result = check_drift(as_of=at(0), services=FakeServices(SETTINGS))
    assert result["check_id"] is None
    assert result["summary"] == "no model serves yet"


def test_too_few_products_are_not_compared(services: FakeServices) -> None:
    serve(services, range(599))
    result = check_drift(as_of=at(1_000), services=services)
    assert (result["check_id"], result["report"], result["retrain"]) == (None, None, False)
    assert "199 of 200" in result["summary"]
    assert services.drift_log.recent(limit=1) == []


def test_a_calm_marketplace_is_checked_and_reported(
    services: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    serve(services, range(800))
    result = check_drift(as_of=at(1_000), services=services)
    assert (result["alerts"], result["retrain"]) == ([], False)
    check = services.drift_log.get(result["check_id"])
    assert check.report_uri == services.objects.uri(report_key(check.check_id))
    assert services.objects.get(report_key(check.check_id)).startswith(b"<html")
    assert result["report"] == f"http://127.0.0.1:18000/v1/drift/{check.check_id}/report"
    assert result["report"] in caplog.text
    assert [finding.monitor for finding in check.findings] == list(Monitor)
    assert drifted(services) == set()


def test_data_drift_found_in_a_row_asks_for_one_retraining(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), shift=1.0)
    first = check_drift(as_of=at(900), services=services)
    assert (first["alerts"], drifted(services)) == ([], {Monitor.DATA})

    second = check_drift(as_of=at(901), services=services)
    assert second["retrain"]
    (record,) = services.alerts.history()
    assert [record.alert.alert_id] == second["alerts"]
    assert record.alert.action is Action.RETRAIN
    assert "title_length" in record.alert.reason
    assert record.alert.window_start > START + timedelta(minutes=400)

    serve(services, range(900, 1_000), shift=1.0)
    assert check_drift(as_of=at(1_000), services=services)["alerts"] == []


def test_reviewers_who_agree_less_ask_for_a_retraining(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    result = check_drift(as_of=at(900), services=services)
    assert (result["retrain"], drifted(services)) == (True, {Monitor.CONCEPT})


def test_labels_of_later_are_not_seen(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.0)
    labels = services.database.labels
    for label_id, label in labels.items():
        labels[label_id] = replace(label, labelled_at=label.labelled_at + timedelta(days=9))
    check_drift(as_of=at(900), services=services)
    assert drifted(services) == set()


def test_a_check_is_made_once_for_a_time(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    first = check_drift(as_of=at(900), services=services)
    serve(services, range(900, 1_300))  # arrived late, of a time before
    again = check_drift(as_of="2024-01-01T16:00:00+01:00", services=services)  # the same moment
    assert again == first
    assert len(services.drift_log.recent(limit=9)) == len(services.alerts.history()) == 1


def test_a_check_that_died_before_its_record_is_made_again(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    record, services.drift_log.record = services.drift_log.record, _dies
    with pytest.raises(ServiceUnavailable):
        check_drift(as_of=at(900), services=services)
    assert services.alerts.history() == []
    services.drift_log.record = record
    assert check_drift(as_of=at(900), services=services)["retrain"]


def _dies(*_: object) -> None:
    raise ServiceUnavailable("PostgreSQL did not answer")


def test_while_a_challenger_is_on_trial_no_retraining_is_asked_for(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    change(services, LedgerAction.CHALLENGE, 2, share=0.05)
    result = check_drift(as_of=at(900), services=services)
    assert (result["retrain"], drifted(services)) == (False, {Monitor.CONCEPT})


@pytest.mark.parametrize(
    ("action", "version", "retrain"),
    [(LedgerAction.PROMOTE, 2, False), (LedgerAction.ROLLBACK, 2, True)],
)
def test_a_judge_that_decides_during_the_check_makes_it_look_again(
    services: FakeServices, action: LedgerAction, version: int, retrain: bool
) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    change(services, LedgerAction.CHALLENGE, 2, share=0.05)
    compare = services.drift_reports.compare

    def while_the_judge_decides(*windows: Any, **named: Any) -> DriftFigures:
        change(services, action, version)
        return compare(*windows, **named)

    services.drift_reports.compare = while_the_judge_decides
    with pytest.raises(Conflict):
        check_drift(as_of=at(900), services=services)
    assert services.drift_log.recent(limit=1) == services.alerts.history() == []
    services.drift_reports.compare = compare
    assert check_drift(as_of=at(900), services=services)["retrain"] is retrain


@pytest.mark.parametrize("as_of", ["yesterday", "", "2024-01-01T15:00:00"])
def test_a_time_without_a_zone_is_no_time(services: FakeServices, as_of: str) -> None:
    with pytest.raises(InvalidInput, match="with a zone"):
        check_drift(as_of=as_of, services=services)


def test_a_new_champion_has_a_reference_of_its_own(services: FakeServices) -> None:
    serve(services, range(400))
    serve(services, range(400, 900), right=0.7)
    change(services, LedgerAction.PROMOTE, 2)
    assert check_drift(as_of=at(900), services=services)["check_id"] is None
