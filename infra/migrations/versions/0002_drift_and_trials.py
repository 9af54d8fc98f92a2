"""What drift checks and trials add: signals and experiments, alerts and their attempts, shares.

`alert_leases` may change: its rows only say who works on what right now. There is no downgrade.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# A change of the partitioned table reaches every month that exists; a new month is made like it.
# Predictions of before have neither column.
PREDICTIONS = """
ALTER TABLE predictions ADD COLUMN experiment text, ADD COLUMN signals jsonb;
CREATE INDEX predictions_model_version ON predictions (model_version, predicted_at);
CREATE INDEX predictions_experiment ON predictions (experiment, predicted_at)
    WHERE experiment IS NOT NULL;
"""

# Serving looks every second for the few entries that change who serves.
ROLLOUT_LEDGER = """
ALTER TABLE rollout_ledger
    ADD COLUMN share double precision CHECK (share > 0 AND share <= 1),
    ADD CHECK ((share IS NOT NULL) = (action = 'challenge'));
CREATE INDEX rollout_ledger_changes ON rollout_ledger (entry_id)
    WHERE action IN ('promote', 'challenge', 'rollback');
"""

DRIFT_CHECKS = """
CREATE TABLE drift_checks (
    check_id text PRIMARY KEY CHECK (length(check_id) BETWEEN 1 AND 500),
    model_version integer NOT NULL,
    as_of timestamptz NOT NULL,
    reference_start timestamptz NOT NULL,
    reference_end timestamptz NOT NULL,
    reference_products integer NOT NULL,
    current_start timestamptz NOT NULL,
    current_end timestamptz NOT NULL,
    current_products integer NOT NULL,
    findings jsonb NOT NULL,
    report_uri text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drift_checks_as_of ON drift_checks (as_of, check_id);
"""

ALERTS = """
CREATE TABLE alerts (
    alert_id text PRIMARY KEY CHECK (length(alert_id) BETWEEN 1 AND 500),
    action text NOT NULL CHECK (action IN ('retrain', 'investigate', 'review', 'repair')),
    model_version integer NOT NULL,
    at timestamptz NOT NULL,
    window_start timestamptz NOT NULL,
    reason text NOT NULL,
    numbers jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alerts_action ON alerts (action, at, alert_id);

CREATE TABLE alert_attempts (
    alert_id text NOT NULL REFERENCES alerts,
    number integer NOT NULL CHECK (number > 0),
    claimant text NOT NULL CHECK (length(claimant) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (alert_id, number)
);
CREATE INDEX alert_attempts_claimant ON alert_attempts (claimant);

CREATE TABLE alert_settlements (
    alert_id text NOT NULL,
    number integer NOT NULL,
    succeeded boolean NOT NULL,
    detail text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (alert_id, number),
    FOREIGN KEY (alert_id, number) REFERENCES alert_attempts
);
CREATE UNIQUE INDEX alert_settlements_one_success ON alert_settlements (alert_id) WHERE succeeded;

CREATE TABLE alert_leases (
    alert_id text PRIMARY KEY,
    number integer NOT NULL,
    leased_until timestamptz NOT NULL,
    FOREIGN KEY (alert_id, number) REFERENCES alert_attempts
);
"""

APPEND_ONLY = ("drift_checks", "alerts", "alert_attempts", "alert_settlements")


def upgrade() -> None:
    for statements in (PREDICTIONS, ROLLOUT_LEDGER, DRIFT_CHECKS, ALERTS):
        op.execute(statements)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
