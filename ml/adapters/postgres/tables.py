"""The tables as SQLAlchemy sees them; infra/migrations makes them (a test compares the two).

`recorded_at` columns are filled by the database; no decision reads them.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=primary_key, nullable=nullable)


def _time(name: str, *, primary_key: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), primary_key=primary_key, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _number(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _recorded_at() -> Column[datetime]:
    time = DateTime(timezone=True)
    return Column("recorded_at", time, nullable=False, server_default=func.now())


label_spaces = Table(
    "label_spaces",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("classes", ARRAY(Text), nullable=False),
    _text("cause"),
    _time("created_at"),
    _recorded_at(),
)

products = Table(
    "products",
    metadata,
    _text("product_id", primary_key=True),
    _text("product_digest", primary_key=True),
    _text("title"),
    _text("description"),
    _text("picture", nullable=True),
    _time("listed_at"),
    _recorded_at(),
)

labels = Table(
    "labels",
    metadata,
    _text("label_id", primary_key=True),
    _text("product_id"),
    _text("product_digest"),
    _text("category"),
    _integer("label_space_version"),
    _text("source"),
    _text("reviewer"),
    _time("labelled_at"),
    _number("inclusion_probability"),
    _text("prediction_id", nullable=True),
    _recorded_at(),
)

prediction_ids = Table(
    "prediction_ids",
    metadata,
    _text("prediction_id", primary_key=True),
    _time("predicted_at"),
)

predictions = Table(
    "predictions",
    metadata,
    _text("prediction_id", primary_key=True),
    _time("predicted_at", primary_key=True),
    _text("product_id"),
    _text("product_digest"),
    _integer("model_version"),
    _text("arm"),
    _integer("label_space_version"),
    Column("probabilities", ARRAY(Double), nullable=False),
    _text("category"),
    _number("confidence"),
    _recorded_at(),
    _text("experiment", nullable=True),
    Column("signals", JSONB),
)

review_selections = Table(
    "review_selections",
    metadata,
    _text("prediction_id", primary_key=True),
    _text("reason", primary_key=True),
    _text("product_id"),
    _text("product_digest"),
    _number("probability"),
    _number("inclusion_probability"),
    _time("selected_at"),
    _recorded_at(),
    Column("reviews", Integer, nullable=False, server_default="1"),
)

review_leases = Table(
    "review_leases",
    metadata,
    _text("prediction_id", primary_key=True),
    _text("product_id"),
    _text("reviewer"),
    _time("leased_until"),
)

snapshots = Table(
    "snapshots",
    metadata,
    _text("digest", primary_key=True),
    _text("uri"),
    _time("as_of"),
    _integer("label_space_version"),
    Column("rows", BigInteger, nullable=False),
    _recorded_at(),
)

split_products = Table(
    "split_products",
    metadata,
    _text("product_id", primary_key=True),
    _text("part"),
    Column("keys", ARRAY(Text), nullable=False),
    _recorded_at(),
)

split_keys = Table(
    "split_keys",
    metadata,
    _text("key", primary_key=True),
    _text("part"),
    _recorded_at(),
)

rollout_ledger = Table(
    "rollout_ledger",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    _text("key"),
    _text("action"),
    _integer("model_version"),
    _text("bundle_digest"),
    _integer("label_space_version"),
    _text("reason"),
    _text("actor"),
    _time("at"),
    Column("evidence", JSONB, nullable=False),
    _recorded_at(),
    _number("share", nullable=True),
    _number("shadow_share", nullable=True),
    _number("label_probability", nullable=True),
)

drift_checks = Table(
    "drift_checks",
    metadata,
    _text("check_id", primary_key=True),
    _integer("model_version"),
    _time("as_of"),
    _time("reference_start"),
    _time("reference_end"),
    _integer("reference_products"),
    _time("current_start"),
    _time("current_end"),
    _integer("current_products"),
    Column("findings", JSONB, nullable=False),
    _text("report_uri"),
    _recorded_at(),
)

alerts = Table(
    "alerts",
    metadata,
    _text("alert_id", primary_key=True),
    _text("action"),
    _integer("model_version"),
    _time("at"),
    _time("window_start"),
    _text("reason"),
    Column("numbers", JSONB, nullable=False),
    _recorded_at(),
)

alert_attempts = Table(
    "alert_attempts",
    metadata,
    _text("alert_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("claimant"),
    _recorded_at(),
)

alert_settlements = Table(
    "alert_settlements",
    metadata,
    _text("alert_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("succeeded", Boolean, nullable=False),
    _text("detail"),
    _recorded_at(),
)

alert_leases = Table(
    "alert_leases",
    metadata,
    _text("alert_id", primary_key=True),
    _integer("number"),
    _time("leased_until"),
)

shadow_scores = Table(
    "shadow_scores",
    metadata,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    _text("experiment", primary_key=True),
    _text("product_id", primary_key=True),
    _text("product_digest", primary_key=True),
    _text("prediction_id"),
    _time("scored_at"),
    _text("candidate_category", nullable=True),
    _text("baseline_category", nullable=True),
    _number("candidate_confidence"),
    _number("baseline_confidence"),
    _number("candidate_ms", nullable=True),
    _number("baseline_ms", nullable=True),
    _number("label_probability"),
    Column("drawn", Boolean, nullable=False),
    _recorded_at(),
)

comparison_cohorts = Table(
    "comparison_cohorts",
    metadata,
    _text("experiment", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("last_position", BigInteger, nullable=False),
    _time("closed_at"),
    _integer("products"),
    _integer("disagreements"),
    Column("strata", JSONB, nullable=False),
    Column("label_ids", ARRAY(Text), nullable=False),
    _recorded_at(),
)
