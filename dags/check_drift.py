"""### check_drift

**Purpose.** Notices when the products, the predicted categories, the confidence or the accuracy on
human labels have changed since the champion's first answers, and asks for what helps: a retraining
(data or accuracy), an investigation (a category may be emerging) or a review of the grey zone.

**Trigger.** 04:00 UTC every day, or by hand. The conf `{"as_of": "2026-01-01T00:00:00+00:00"}`
looks at the predictions and labels as they were at that time.

**Steps.** `check` compares the two windows, stores the report (linked from the details of the task;
its log has the URL and each monitor's reason), then the check with its alerts in one transaction.
`announce` wakes `retrain_on_drift` by the asset `drift_alert`, and is skipped unless an alert asks
for a retraining. The event is a hint: the alert waits in the outbox, and the sweep of
`retrain_on_drift` finds it even when this run dies between the two tasks.

**Safe reruns.** A champion is checked once for a time: a cleared task finds the stored check, and
no alert is raised twice. An event too many finds an outbox with nothing to do.

**When it fails.**
- `check`: PostgreSQL or the object store does not answer: see `regain status`, then clear the task.
- "who serves changed": somebody or the judge switched meanwhile; the task's next attempt looks
  anew.
- "too few products to compare" is no failure: the champion has not answered enough yet.
"""

from datetime import UTC, datetime

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from regain_airflow.assets import DRIFT_ALERT
from regain_airflow.flows import AS_OF, QUICK, final
from regain_airflow.links import DriftReportLink
from regain_airflow.schedules import cron


@task(**QUICK)
@final
def check(as_of: str) -> dict[str, object]:
    """Compare the champion's windows as of a time; returns the names of check and alerts."""
    from ml.tasks.check_drift import check_drift

    return {**check_drift(as_of=as_of)}


@task(outlets=[DRIFT_ALERT], **QUICK)
def announce(result: dict[str, object]) -> None:
    """Emit the asset event, but only for an alert that asks for a retraining."""
    if not result["retrain"]:
        raise AirflowSkipException("no alert asks for a retraining")


@dag(
    schedule=cron("0 4 * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def check_drift() -> None:
    result = check(AS_OF)
    result.operator.operator_extra_links = (DriftReportLink(),)
    announce(result)


check_drift()
