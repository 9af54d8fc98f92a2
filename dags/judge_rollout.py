"""### judge_rollout

**Purpose.** Decides whether a challenger on trial is promoted, stays, or goes, and watches a new
champion: by what reviewers said of products on which both models differ. It may look as often as it
likes: the chance of stopping a model that is no worse stays bounded.

**Trigger.** Every 15 minutes, or by hand. The conf `{"as_of": "2026-01-01T00:00:00+00:00"}` judges
the labels as they were at that time.

**Steps.** `judge` closes the cohorts whose labels are in, decides, writes decision, reason and
numbers to the rollout ledger, and lets the registry's aliases follow. A challenger that is worse is
*stopped* (`rollback`: by `REGAIN_JUDGE_MAX_ACCURACY_DROP` or more, `rejected`: by less,
`guardrail`: something beside accuracy), one that is not worse by `REGAIN_JUDGE_MARGIN` is
*promoted*, and after `REGAIN_JUDGE_MAX_DAYS` the trial *expires*. With `REGAIN_PROMOTION_APPROVAL`,
`ask` has `approve_promotion` ask an engineer; a stop never waits. See `regain history`.

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
from airflow.sdk.exceptions import AirflowSkipException

from regain_airflow.assets import PROMOTION_READY
from regain_airflow.flows import AS_OF, QUICK, final
from regain_airflow.schedules import cron


@task(**QUICK, multiple_outputs=False)
@final
def judge(as_of: str) -> dict[str, Any]:
    """Decide what is compared by the labels given up to `as_of`."""
    from ml.tasks.judge_rollout import judge_rollout

    return judge_rollout(as_of=as_of)


@task(outlets=[PROMOTION_READY], **QUICK)
def ask(judged: dict[str, Any]) -> None:
    """Emit the asset event, but only for a promotion that waits for approval."""
    if not judged["asks"]:
        raise AirflowSkipException("no promotion waits for approval")


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
    ask(judge(AS_OF))


judge_rollout()
