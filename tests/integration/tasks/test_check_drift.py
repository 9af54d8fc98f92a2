"""The drift check through PostgreSQL, the object store and Evidently, twice for the same time."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.drift import Monitor
from ml.domain.predictions import Prediction
from ml.tasks.check_drift import check_drift, report_key
from ml.wiring.build import Services
from ml.wiring.config import Settings
from tests.examples import CLASSES, START, a_prediction, a_review_label

pytestmark = pytest.mark.integration

REFERENCE, PRODUCTS = 300, 600


def _answer(number: int, rng: np.random.Generator) -> Prediction:
    """One product a minute; from REFERENCE on titles are longer and pools are in season."""
    later = number >= REFERENCE
    shares = [0.1, 0.1, 0.8] if later else [0.4, 0.4, 0.2]
    signals = {"title_length": 70 + 30 * later + 10 * float(rng.normal())}
    if number % 3:
        signals["picture_brightness"] = float(rng.random())
    return a_prediction(
        number,
        predicted_at=START + timedelta(minutes=number),
        category=str(rng.choice(CLASSES, p=shares)),
        confidence=0.5 if later else 0.9,
        signals=signals,
    )


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Services:
    """Version 1 serves; half of its answers are reviewed, of the later ones none agreed with."""
    services = Services(
        Settings(
            database_url=database_url,
            objects_url=tmp_path.as_uri(),
            drift_reference_products=REFERENCE,
            drift_checks_in_a_row=1,
        )
    )
    services.label_spaces.extend([*CLASSES, "other"], cause="test", at=START)
    services.ledger.append(
        LedgerChange("run", LedgerAction.PROMOTE, 1, "digest", 1, "first", "test", START)
    )
    rng = np.random.default_rng(1)
    answers = [_answer(number, rng) for number in range(PRODUCTS)]
    services.predictions.append(answers)
    services.labels.append(
        [
            a_review_label(
                answer,
                category=answer.category if number < REFERENCE else "other",
                labelled_at=answer.predicted_at,
                inclusion_probability=0.5,
            )
            for number, answer in enumerate(answers)
            if number % 2
        ]
    )
    return services


def test_everything_that_drifts_is_found_stored_and_told_the_same_again(
    services: Services,
) -> None:
    as_of = (START + timedelta(minutes=PRODUCTS)).isoformat()
    result = check_drift(as_of=as_of, services=services)
    assert check_drift(as_of=as_of, services=services) == result

    (check,) = services.drift_log.recent(limit=9)
    assert (check.reference.products, check.current.products) == (REFERENCE, REFERENCE)
    assert all(finding.drifted for finding in check.findings)
    assert [finding.monitor for finding in check.findings] == list(Monitor)
    data, concept, *_ = check.findings
    assert data.numbers["title_length_distance"] > 0.5 > data.numbers["picture_brightness_distance"]
    assert concept.numbers["drop"] == pytest.approx(1.0)

    assert result["retrain"]
    raised = {record.alert.alert_id for record in services.alerts.history()}
    assert raised == set(result["alerts"])
    assert len(raised) == 3
    assert b"title_length" in services.objects.get(report_key(check.check_id))
