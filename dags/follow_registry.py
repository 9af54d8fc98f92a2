"""### follow_registry

**Purpose.** Lets ML engineers decide in MLflow: an alias that somebody edited there is a request,
which becomes an entry of the rollout ledger and takes effect on every serving worker.

**Trigger.** MLflow's webhook, seconds after an edit; every 5 minutes for an edit whose webhook got
lost and for a deleted version, which sends none; or by hand. The conf
`{"as_of": "2026-01-01T00:00:00+00:00"}` is the time that the entries bear.

**Steps.** `follow` compares the aliases with what regain itself made them show (the tag
`regain.shown` of the registered model). `champion` moved to a version promotes it, or rolls back
when it was the champion before; `challenger` moved to a version tries it in place of any other;
`challenger` removed, or its version deleted, ends the trial. The gate is not asked: the entry's
evidence tells what it had decided. An edit that leads nowhere is undone, and the task's result says
why. A removed `champion` is put back: somebody has to serve.

**Safe reruns.** An edit is one entry however often it is seen, and what a crash left half shown is
no edit: the aliases then only follow the ledger.

**When it fails.**
- "MLflow does not answer", "PostgreSQL did not answer": see `regain status`; the edit waits in
  MLflow for the next run.
- "the rollout moved from entry ...": somebody changed it meanwhile; the next attempt looks anew.
- To undo an edit: `regain rollback`, or edit the alias again.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from regain_airflow.flows import AS_OF, QUICK, final
from regain_airflow.schedules import cron


@task(**QUICK, multiple_outputs=False)
@final
def follow(as_of: str) -> dict[str, Any]:
    """Do what engineers asked for in MLflow; returns the requests and what became of them."""
    from ml.tasks.follow_registry import follow_registry

    return follow_registry(as_of=as_of)


@dag(
    schedule=cron("*/5 * * * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def follow_registry() -> None:
    follow(AS_OF)


follow_registry()
