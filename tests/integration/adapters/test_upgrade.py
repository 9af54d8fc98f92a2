"""A database of an earlier release, with its rows, brought to the newest revision."""

import pytest
from sqlalchemy import text

from ml.adapters.postgres.engine import make_engine, migrate, transaction
from ml.adapters.postgres.label_spaces import PostgresLabelSpaces
from ml.adapters.postgres.labels import PostgresLabelStore
from ml.adapters.postgres.ledger import PostgresRolloutLedger
from ml.adapters.postgres.predictions import PostgresPredictionLog
from ml.adapters.postgres.reviews import PostgresReviewQueue
from ml.adapters.postgres.shadows import PostgresShadowLog
from ml.adapters.postgres.windows import PostgresServedWindows
from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.errors import InvalidInput
from ml.domain.predictions import SelectionReason
from tests.examples import (
    CLASSES,
    START,
    a_prediction,
    a_product,
    a_review_label,
    a_shadow_score,
    day,
)

pytestmark = pytest.mark.integration

# A prediction in a month that has its partition, and two champions, as the first revision had them.
ROWS_OF_0001 = """
SELECT ensure_predictions_partition('2024-01-01');
INSERT INTO prediction_ids VALUES ('prediction-0', '2024-01-01Z');
INSERT INTO products VALUES
    ('p0', '{digest}', 'title 0', '<p>chaise d''été</p>', NULL, '2024-01-01Z');
INSERT INTO predictions VALUES
    ('prediction-0', '2024-01-01Z', 'p0', '{digest}', 1, 'champion', 1,
     '{{0.1,0.7,0.2}}', 'games', 0.7);
INSERT INTO rollout_ledger
    (key, action, model_version, bundle_digest, label_space_version, reason, actor, at, evidence)
VALUES ('a', 'promote', 1, 'd1', 1, 'first', 'retrain_monthly', '2024-01-01Z', '{{"rows": 200}}'),
    ('b', 'refuse', 2, 'd2', 1, 'worse', 'retrain_monthly', '2024-02-01Z', '{{}}'),
    ('c', 'promote', 3, 'd3', 1, 'better', 'retrain_monthly', '2024-03-01Z', '{{}}');
"""


# What the second one added: a trial, and a product that was put before people for two reasons.
ROWS_OF_0002 = """
INSERT INTO rollout_ledger
    (key, action, model_version, bundle_digest, label_space_version, reason, actor, at, evidence,
     share)
VALUES ('t', 'challenge', 4, 'd4', 1, 'better', 'retrain_monthly', '2024-04-01Z', '{{}}', 0.05);
INSERT INTO review_selections VALUES
    ('prediction-0', 'audit', 'p0', '{digest}', 0.25, 0.4375, '2024-01-01Z'),
    ('prediction-0', 'low_confidence', 'p0', '{digest}', 0.25, 0.4375, '2024-01-01Z');
INSERT INTO review_leases VALUES ('prediction-0', 'p0', 'ana', '2024-01-01Z');
"""


@pytest.fixture
def empty_engine(empty_database_url):
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def fill(engine, rows):
    with transaction(engine) as connection:
        connection.execute(text(rows.format(digest=a_product().digest)))


@pytest.fixture
def upgraded(empty_database_url, empty_engine):
    migrate(empty_database_url, to="0001")
    fill(empty_engine, ROWS_OF_0001)
    migrate(empty_database_url)
    return empty_engine


@pytest.fixture
def upgraded_from_0002(empty_database_url, empty_engine):
    migrate(empty_database_url, to="0001")
    fill(empty_engine, ROWS_OF_0001)
    migrate(empty_database_url, to="0002")
    fill(empty_engine, ROWS_OF_0002)
    migrate(empty_database_url)
    return empty_engine


def test_predictions_of_before_have_no_signals_and_no_trial(upgraded):
    assert PostgresPredictionLog(upgraded).get("prediction-0") == a_prediction()
    window = PostgresServedWindows(upgraded).first(1, products=9, until=day(1))
    assert window["prediction_id"].to_pylist() == ["prediction-0"]


def test_old_and_new_months_take_signals_and_stay_as_they_are(upgraded):
    log = PostgresPredictionLog(upgraded)
    new = [a_prediction(number, signals={"words": 2.0}, experiment="t") for number in (1, 40)]
    assert log.append([a_prediction(), *new]) == 2
    assert [log.get(each.prediction_id) for each in new] == new
    for month in ("predictions_2024_01", "predictions_2024_02", "predictions"):
        with (
            pytest.raises(InvalidInput, match="append-only"),
            transaction(upgraded) as connection,
        ):
            connection.execute(text(f"UPDATE {month} SET signals = NULL"))


def test_a_month_of_before_has_the_indexes_of_a_new_one(upgraded):
    PostgresPredictionLog(upgraded).append([a_prediction(40)])
    query = text(
        "SELECT indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename = :month ORDER BY indexdef"
    )

    def indexes(month):
        with transaction(upgraded) as connection:
            found = connection.scalars(query, {"month": month})
            return sorted(definition.partition(" USING ")[2] for definition in found)

    old, new = indexes("predictions_2024_01"), indexes("predictions_2024_02")
    assert old == new
    assert any(definition.startswith("btree (model_version, predicted_at)") for definition in old)


def test_the_ledger_of_before_tells_who_serves(upgraded):
    ledger = PostgresRolloutLedger(upgraded)
    assert [entry.change.share for entry in ledger.history()] == [None] * 3
    rollout = ledger.rollout()
    assert (rollout.entry_id, rollout.champion.model_version) == (3, 3)
    assert [champion.model_version for champion in rollout.former] == [1]
    ledger.append(LedgerChange("d", LedgerAction.ROLLBACK, 3, "d3", 1, "worse", "ana", START))
    assert ledger.champion().model_version == 1


def test_a_trial_of_before_goes_on_without_a_comparison_of_answers(upgraded_from_0002):
    ledger = PostgresRolloutLedger(upgraded_from_0002)
    trial = ledger.rollout().comparison
    assert (trial.candidate.model_version, trial.baseline.model_version) == (4, 3)
    assert (trial.shadow_share, trial.label_probability) == (0.0, 0.0)
    sure = LedgerChange("s", LedgerAction.CONFIRM, 3, "d3", 1, "no worse", "ana", START)
    assert ledger.append(sure, seen=4).entry_id == ledger.rollout().entry_id == 5


def test_products_that_waited_before_wait_for_one_review(upgraded_from_0002):
    reasons = [SelectionReason.AUDIT, SelectionReason.LOW_CONFIDENCE]
    prediction = a_prediction(reasons=reasons)
    assert PostgresPredictionLog(upgraded_from_0002).get("prediction-0") == prediction
    queue = PostgresReviewQueue(upgraded_from_0002)
    assert queue.waiting() == 1
    PostgresLabelSpaces(upgraded_from_0002).extend(CLASSES, cause="import", at=START)
    PostgresLabelStore(upgraded_from_0002).append([a_review_label(prediction)])
    assert queue.waiting() == 0
    assert queue.next("bob", lease_seconds=60) is None


def test_predictions_of_before_can_be_compared(upgraded_from_0002):
    log, score = PostgresShadowLog(upgraded_from_0002), a_shadow_score(drawn=True)
    assert log.append([score]) == 1
    assert log.get("prediction-0") == score
