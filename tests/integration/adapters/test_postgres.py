"""What PostgreSQL itself holds: append-only rows, partitions, migrations, and its absence."""

import select
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from ml.adapters.postgres.engine import lock, make_engine, migrate, transaction
from ml.adapters.postgres.labels import PostgresLabelStore
from ml.adapters.postgres.predictions import PostgresPredictionLog
from ml.adapters.postgres.shadows import PostgresShadowLog
from ml.adapters.postgres.tables import metadata
from ml.domain.comparisons import Cohort
from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.drift import Action
from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.domain.labels import Part, SnapshotRef
from ml.domain.ports import SplitRecord
from ml.domain.predictions import SelectionReason
from tests.embedded import embedded_postgres
from tests.examples import (
    CLASSES,
    START,
    a_drift_check,
    a_label,
    a_prediction,
    a_product,
    a_shadow_score,
    an_alert,
    day,
)

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
CHANGE = LedgerChange("key", LedgerAction.PROMOTE, 1, "digest", 1, "reason", "actor", START)


@pytest.fixture
def filled(real_stores):
    """A row in every table."""
    prediction = a_prediction(reasons=[SelectionReason.AUDIT])
    cohort = Cohort("trial-2", 1, 1, START, 1, 0, ())
    real_stores.label_spaces.extend(CLASSES, cause="import", at=START)
    real_stores.labels.append([a_label(a_product())], [a_product()])
    real_stores.predictions.append([prediction])
    real_stores.shadows.append([a_shadow_score()])
    real_stores.shadows.close(cohort)
    real_stores.reviews.next("ana", lease_seconds=60)
    real_stores.snapshots.record(SnapshotRef("digest", "file:///a", START, 1, 1))
    real_stores.splits.record([SplitRecord("p0", Part.TRAIN, ("k",))], {"k": Part.TRAIN})
    real_stores.ledger.append(CHANGE)
    real_stores.drift_log.record(a_drift_check(), [an_alert()])
    real_stores.alerts.claim(Action.RETRAIN, claimant="a", lease_seconds=60, max_attempts=1)
    real_stores.alerts.settle("alert-0", claimant="a", succeeded=True, detail="")
    return real_stores


def run(engine, *steps):
    """Statements, or functions to call between them, in one transaction."""
    with transaction(engine) as connection:
        for step in steps:
            if callable(step):
                step()
            else:
                connection.execute(text(step))


APPEND_ONLY = sorted(set(metadata.tables) - {"alert_leases", "review_leases"})


@pytest.mark.parametrize("table", [*APPEND_ONLY, "predictions_2024_01"])
def test_rows_are_never_changed(filled, engine, table):
    column = list(metadata.tables[table.removesuffix("_2024_01")].c)[1].name
    statements = [
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ]
    for statement in statements:
        with pytest.raises(InvalidInput, match=r"append-only, .* is refused: append a new row"):
            run(engine, statement)
    with transaction(engine) as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_the_tables_are_those_the_migrations_make(engine):
    def is_table_or_column(thing, name, kind, reflected, compared):
        return kind in ("table", "column")

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_table_or_column}
        )
        made = [
            difference
            for difference in compare_metadata(context, metadata)
            if getattr(difference[-1], "name", "") != "alembic_version"
        ]
    assert made == []


def test_two_processes_can_migrate_at_once(empty_database_url):
    command = [
        sys.executable,
        "-c",
        "import sys; from ml.adapters.postgres.engine import migrate; migrate(sys.argv[1])",
        empty_database_url,
    ]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    assert [(process.communicate(timeout=60)[0], process.returncode) for process in both] == [
        (b"", 0)
    ] * 2
    migrate(empty_database_url)


def test_a_month_is_a_partition_made_once(real_stores, engine):
    """Several logs, as in several workers, all meeting the same new months."""
    times = [datetime(2024, 2, 29, 23, 59, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)]

    def write(number):
        log = PostgresPredictionLog(engine)
        return log.append([a_prediction(number, predicted_at=at) for at in times[number % 2 :]])

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(write, range(12))) == 12
    query = (
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'predictions'::regclass ORDER BY 1"
    )
    with transaction(engine) as connection:
        partitions = list(connection.scalars(text(query)))
    assert partitions == ["predictions_2024_02", "predictions_2024_12"]


def test_a_new_month_waits_for_no_reader_or_writer(real_stores, engine):
    log = real_stores.predictions
    log.append([a_prediction(1)])
    with ThreadPoolExecutor(1) as pool, transaction(engine) as other:
        for table in ("prediction_ids", "products", "predictions"):
            other.execute(text(f"SELECT count(*) FROM {table}"))
            other.execute(text(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"))
        assert pool.submit(log.append, [a_prediction(50)]).result(timeout=5) == 1


def test_scores_get_their_positions_only_when_those_before_are_committed(real_stores, engine):
    """Else a judge could read past a score that is not there yet, and never see it."""
    real_stores.predictions.append([a_prediction(number) for number in (1, 2)])
    other = PostgresShadowLog(engine)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            lock(connection, "shadow_scores")
            waiting = pool.submit(other.append, [a_shadow_score(1)])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            taken = connection.scalar(text("SELECT is_called FROM shadow_scores_position_seq"))
            assert not taken, "it has taken no position while it waits"
        assert waiting.result(timeout=5) == 1


def test_a_ledger_entry_is_announced_when_it_is_committed(real_stores, engine):
    listener = make_engine(engine.url.render_as_string(hide_password=False))
    with listener.connect() as connection:
        connection.execute(text("LISTEN regain_ledger"))
        connection.commit()
        entry = real_stores.ledger.append(CHANGE)
        raw = connection.connection.dbapi_connection
        assert select.select([raw], [], [], 5)[0]
        raw.poll()
        assert [note.payload for note in raw.notifies] == [str(entry.entry_id)]
    listener.dispose()


@pytest.mark.parametrize("length", [501, 100_000])
def test_an_identifier_too_long_for_an_index_is_refused(real_stores, length):
    with pytest.raises(InvalidInput, match="product_id"):
        real_stores.predictions.append([a_prediction(product=a_product(product_id="x" * length))])
    with pytest.raises(InvalidInput, match="prediction_id"):
        real_stores.predictions.append([replace(a_prediction(), prediction_id="x" * length)])
    assert real_stores.predictions.count() == 0


def test_a_database_without_tables_names_the_remedy(empty_database_url):
    engine = make_engine(empty_database_url)
    with pytest.raises(ServiceUnavailable, match="regain up"):
        PostgresPredictionLog(engine).count()
    engine.dispose()


def test_an_unreachable_server_is_unavailable_and_keeps_the_password():
    """The plain scheme means the driver that is installed."""
    engine = make_engine("postgresql://nobody:s3cret@127.0.0.1:9/regain")
    with pytest.raises(ServiceUnavailable, match="did not answer") as caught:
        PostgresPredictionLog(engine).count()
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_exhausted_pool_is_unavailable(database_url):
    engine = create_engine(database_url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with transaction(engine), pytest.raises(ServiceUnavailable, match="busy"):
        PostgresPredictionLog(engine).count()
    engine.dispose()


def test_a_stopped_server_is_unavailable_at_once_and_used_again_when_back():
    with embedded_postgres() as server:
        engine = make_engine(server.url(server.create()))
        log, store = PostgresPredictionLog(engine), PostgresLabelStore(engine)
        assert log.append([a_prediction(1)]) == 1

        with pytest.raises(ServiceUnavailable):
            run(engine, "SELECT 1", server.stop, "SELECT 1")
        start = time.monotonic()
        for call in (log.count, lambda: log.append([a_prediction(2)]), lambda: store.read(day(0))):
            with pytest.raises(ServiceUnavailable, match="did not answer"):
                call()
        assert time.monotonic() - start < 2

        server.start()
        assert log.append([a_prediction(1), a_prediction(2)]) == 1
        engine.dispose()
