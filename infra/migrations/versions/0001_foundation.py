"""The first tables: label spaces, products, labels, predictions, reviews, snapshots, split, ledger.

Rows are never changed: a trigger refuses it on every table but `review_leases`, whose rows only
say who is looking at what right now. So there is no downgrade either.
"""

from alembic import op

revision = "0001"
down_revision = None

# Identifiers are indexed; a B-tree entry holds about 2,700 bytes. `recorded_at` is the database's
# clock at writing; all other times are the caller's and may be simulated.
TABLES = """
CREATE TABLE label_spaces (
    version integer PRIMARY KEY CHECK (version > 0),
    classes text[] NOT NULL,
    cause text NOT NULL,
    created_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
    product_id text NOT NULL CHECK (length(product_id) BETWEEN 1 AND 500),
    product_digest text NOT NULL CHECK (length(product_digest) BETWEEN 1 AND 100),
    title text NOT NULL,
    description text NOT NULL,
    picture text,
    listed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, product_digest)
);

CREATE TABLE labels (
    label_id text PRIMARY KEY,
    product_id text NOT NULL,
    product_digest text NOT NULL,
    category text NOT NULL,
    label_space_version integer NOT NULL REFERENCES label_spaces,
    source text NOT NULL CHECK (source IN ('import', 'review')),
    reviewer text NOT NULL,
    labelled_at timestamptz NOT NULL,
    inclusion_probability double precision NOT NULL
        CHECK (inclusion_probability > 0 AND inclusion_probability <= 1),
    prediction_id text CHECK (length(prediction_id) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (product_id, product_digest) REFERENCES products
);
CREATE INDEX labels_labelled_at ON labels (labelled_at);
CREATE INDEX labels_product_id ON labels (product_id);
CREATE INDEX labels_prediction_id ON labels (prediction_id);

-- A partitioned table has no key without its partition column, so this one keeps an id unique
-- over all months: a request sent again a month later is still the same prediction.
CREATE TABLE prediction_ids (
    prediction_id text PRIMARY KEY CHECK (length(prediction_id) BETWEEN 1 AND 500),
    predicted_at timestamptz NOT NULL
);

-- No foreign keys: the writer adds id and product in the same transaction, a new month must not
-- wait for (or deadlock with) writers of those tables, and an answer is never refused by its log.
CREATE TABLE predictions (
    prediction_id text NOT NULL,
    predicted_at timestamptz NOT NULL,
    product_id text NOT NULL,
    product_digest text NOT NULL,
    model_version integer NOT NULL,
    arm text NOT NULL,
    label_space_version integer NOT NULL,
    probabilities double precision[] NOT NULL,
    category text NOT NULL,
    confidence double precision NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (prediction_id, predicted_at)
) PARTITION BY RANGE (predicted_at);

CREATE TABLE review_selections (
    prediction_id text NOT NULL REFERENCES prediction_ids,
    reason text NOT NULL,
    product_id text NOT NULL,
    product_digest text NOT NULL,
    probability double precision NOT NULL CHECK (probability > 0 AND probability <= 1),
    inclusion_probability double precision NOT NULL
        CHECK (inclusion_probability > 0 AND inclusion_probability <= 1),
    selected_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (prediction_id, reason),
    FOREIGN KEY (product_id, product_digest) REFERENCES products
);
CREATE INDEX review_selections_selected_at ON review_selections (selected_at, prediction_id);

CREATE TABLE review_leases (
    prediction_id text PRIMARY KEY REFERENCES prediction_ids,
    product_id text NOT NULL,
    reviewer text NOT NULL,
    leased_until timestamptz NOT NULL
);
CREATE INDEX review_leases_product_id ON review_leases (product_id);

CREATE TABLE snapshots (
    digest text PRIMARY KEY,
    uri text NOT NULL,
    as_of timestamptz NOT NULL,
    label_space_version integer NOT NULL,
    rows bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE split_products (
    product_id text PRIMARY KEY CHECK (length(product_id) BETWEEN 1 AND 500),
    part text NOT NULL CHECK (part IN ('train', 'validation', 'test', 'excluded')),
    keys text[] NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE split_keys (
    key text PRIMARY KEY,
    part text NOT NULL CHECK (part IN ('train', 'validation', 'test', 'excluded')),
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rollout_ledger (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    action text NOT NULL,
    model_version integer NOT NULL,
    bundle_digest text NOT NULL,
    label_space_version integer NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    evidence jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
"""

APPEND_ONLY = (
    "label_spaces",
    "products",
    "labels",
    "prediction_ids",
    "predictions",
    "review_selections",
    "snapshots",
    "split_products",
    "split_keys",
    "rollout_ledger",
)

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only, % is refused: append a new row', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

# Attaching, unlike creating in place, does not wait for readers and writers of other months.
# A statement that names a partition fires only that partition's own statement triggers.
ENSURE_PARTITION = """
CREATE FUNCTION ensure_predictions_partition(month date) RETURNS void
LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
DECLARE
    partition text := to_char(month, '"predictions_"YYYY_MM');
    first_day timestamptz := date_trunc('month', month);
    next_month timestamptz := date_trunc('month', month) + interval '1 month';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('regain.predictions'));
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE predictions INCLUDING ALL)', partition);
    EXECUTE format(
        'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
        partition
    );
    EXECUTE format(
        'ALTER TABLE predictions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first_day, next_month
    );
END
$$
"""

ANNOUNCE_ENTRY = """
CREATE FUNCTION announce_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('regain_ledger', NEW.entry_id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT ON rollout_ledger
    FOR EACH ROW EXECUTE FUNCTION announce_ledger_entry();
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(ENSURE_PARTITION)
    op.execute(ANNOUNCE_ENTRY)
