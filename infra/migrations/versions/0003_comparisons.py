"""What comparisons add: their shares in the ledger, second reviews, scores of two models, cohorts.

There is no downgrade.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

# Who serves changes with the end of a watch, too.
ROLLOUT_LEDGER = """
ALTER TABLE rollout_ledger
    ADD COLUMN shadow_share double precision CHECK (shadow_share > 0 AND shadow_share <= 1),
    ADD COLUMN label_probability double precision
        CHECK (label_probability > 0 AND label_probability <= 1),
    ADD CHECK ((shadow_share IS NULL) = (label_probability IS NULL)),
    ADD CHECK (shadow_share IS NULL OR action IN ('challenge', 'promote'));
DROP INDEX rollout_ledger_changes;
CREATE INDEX rollout_ledger_changes ON rollout_ledger (entry_id)
    WHERE action IN ('promote', 'challenge', 'rollback', 'confirm');
"""

# The queue asks of every selection, oldest first, which reviews its product has: from this index
# alone it learns that most of them have theirs.
REVIEWS = """
ALTER TABLE review_selections
    ADD COLUMN reviews integer NOT NULL DEFAULT 1 CHECK (reviews BETWEEN 1 AND 2);
CREATE INDEX labels_reviews ON labels (product_id, product_digest, labelled_at)
    WHERE source = 'review';
"""

# Positions are given under a lock that is held until the commit (see PostgresShadowLog).
SHADOW_SCORES = """
CREATE TABLE shadow_scores (
    position bigint GENERATED ALWAYS AS IDENTITY,
    experiment text NOT NULL CHECK (length(experiment) BETWEEN 1 AND 100),
    product_id text NOT NULL,
    product_digest text NOT NULL,
    prediction_id text NOT NULL REFERENCES prediction_ids,
    scored_at timestamptz NOT NULL,
    candidate_category text,
    baseline_category text,
    candidate_confidence double precision NOT NULL,
    baseline_confidence double precision NOT NULL,
    candidate_ms double precision,
    baseline_ms double precision,
    label_probability double precision NOT NULL
        CHECK (label_probability > 0 AND label_probability <= 1),
    drawn boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (experiment, product_id, product_digest),
    FOREIGN KEY (product_id, product_digest) REFERENCES products,
    CHECK (NOT drawn OR candidate_category IS DISTINCT FROM baseline_category)
);
CREATE INDEX shadow_scores_experiment ON shadow_scores (experiment, position);
CREATE INDEX shadow_scores_drawn ON shadow_scores (experiment, position) WHERE drawn;
CREATE INDEX shadow_scores_prediction_id ON shadow_scores (prediction_id);
"""

COMPARISON_COHORTS = """
CREATE TABLE comparison_cohorts (
    experiment text NOT NULL CHECK (length(experiment) BETWEEN 1 AND 100),
    number integer NOT NULL CHECK (number > 0),
    last_position bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    products integer NOT NULL,
    disagreements integer NOT NULL,
    strata jsonb NOT NULL,
    label_ids text[] NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (experiment, number)
);
"""

APPEND_ONLY = ("shadow_scores", "comparison_cohorts")


def upgrade() -> None:
    for statements in (ROLLOUT_LEDGER, REVIEWS, SHADOW_SCORES, COMPARISON_COHORTS):
        op.execute(statements)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
