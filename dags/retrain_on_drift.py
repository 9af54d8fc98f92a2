"""### retrain_on_drift

**Purpose.** Retrains when the marketplace has drifted: once for each alert that asks for it,
however often it is delivered, and again when a retraining failed.

**Trigger.** The asset `drift_alert`, and a sweep every `REGAIN_ALERT_SWEEP_MINUTES` for an event
that was lost and for attempts that failed; or by hand. The labels are those of the alert's time.

**Steps.** `claim` leases the oldest waiting alert (none: the rest is skipped); `retrain` is the
flow of `retrain_monthly`, whose last task puts an admitted version on trial; `settle_success` or
`settle_failure` ends the attempt. A version that the gate refused settles its alert, too. After
`REGAIN_ALERT_MAX_ATTEMPTS` failures an alert `repair` calls for people.

**Safe reruns.** Alerts wait in PostgreSQL, and what was trained is found again. Start the DAG anew
rather than clear a failed run: that run's attempt has ended, so its claim finds nothing.

**When it fails.** The sweep tries again by itself. `regain alerts` shows every alert with its
attempts; the failed task's log says why it failed. A run that outlives
`REGAIN_ALERT_LEASE_SECONDS` is ended and counts as failed. An alert that was given up is not taken
up again: when the fault is mended, trigger `retrain_monthly`.
"""

from datetime import UTC, datetime

from airflow.sdk import TriggerRule, dag, task

from regain_airflow.assets import DRIFT_ALERT
from regain_airflow.flows import QUICK, RUN, final, retrain
from regain_airflow.schedules import alert_lease, on_event_or_sweep


@task.short_circuit(**QUICK)
@final
def claim(run: str) -> str | None:
    """Lease the oldest alert that waits for a retraining; returns its time."""
    from ml.tasks.retrain_on_drift import claim

    return claim(run=run)


@task(**QUICK)
@final
def settle_success(run: str, outcome: str) -> bool:
    """The alert is done."""
    from ml.tasks.retrain_on_drift import settle_success

    return settle_success(run=run, outcome=outcome)


@task(**QUICK, trigger_rule=TriggerRule.ONE_FAILED)
@final
def settle_failure(run: str) -> bool:
    """The alert waits for the next attempt, or for people when this was the last."""
    from ml.tasks.retrain_on_drift import settle_failure

    return settle_failure(run=run)


@dag(
    schedule=on_event_or_sweep(DRIFT_ALERT),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=alert_lease(),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def retrain_on_drift() -> None:
    outcome = retrain(as_of=claim(RUN))
    settle_success(RUN, outcome)
    outcome >> settle_failure(RUN)


retrain_on_drift()
