"""### judge_rollout

**Purpose.** Ends the trial of a challenger: promotes it, or rolls it back when it is more than two
points less accurate than the champion on what reviewers said of both during the trial.

**Trigger.** Every 15 minutes, or by hand. The conf `{"as_of": "2026-01-01T00:00:00+00:00"}` judges
the labels as they were at that time.

**Steps.** `judge` reads the labels of the trial, decides, writes decision, reason and numbers to
the rollout ledger, and lets the registry's aliases follow. Without a trial it only mends the
aliases; with too few labels (`REGAIN_JUDGE_MIN_LABELS` of each arm) the trial goes on, and after
`REGAIN_JUDGE_MAX_DAYS` it is withdrawn. The task's result and `regain history` tell the decision.

**Safe reruns.** The same labels are judged once. Serving follows the ledger within a second, so a
rollback does not wait for MLflow, Redis or Airflow's workers.

**When it fails.**
- "MLflow does not answer": the decision is made and serves already; the aliases follow with the
  next run. See `regain status`.
- "the rollout moved from entry ...": somebody promoted or rolled back meanwhile; the task's next
  attempt looks anew.
- To decide yourself: `regain promote` or `regain rollback VERSION`.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from regain_airflow.flows import AS_OF, QUICK, final
from regain_airflow.schedules import cron


@task(**QUICK, multiple_outputs=False)
@final
def judge(as_of: str) -> dict[str, Any]:
    """Decide the trial that is on by the labels given up to `as_of`."""
    from ml.tasks.judge_rollout import judge_rollout

    return judge_rollout(as_of=as_of)


@dag(
    schedule=cron("*/15 * * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def judge_rollout() -> None:
    judge(AS_OF)


judge_rollout()
