"""The assets by which regain's DAGs wake each other."""

from airflow.sdk import Asset

# A hint that the alert outbox holds a request to retrain: events get lost and merged, alerts don't.
DRIFT_ALERT = Asset("drift_alert", uri="regain://drift/alert")

# A hint that a trial waits for approval; the judge gives it again at each look while it does.
PROMOTION_READY = Asset("promotion_ready", uri="regain://rollout/promotion-ready")
