"""### approve_promotion

**Purpose.** Asks an engineer whether a challenger that the judge found good may take over. Used
where `REGAIN_PROMOTION_APPROVAL` is set; otherwise it is promoted as soon as it is found good.

**Trigger.** The asset `promotion_ready`, by `judge_rollout`. A rollback waits for nobody.

**Steps.** `question` looks up which trial waits (none: the rest is skipped); `approve` waits for an
answer (Browse, Required Actions). *Approve* has `promote` write the promotion to the ledger,
*Reject* has `withdraw` end the trial; unanswered, it expires after `REGAIN_JUDGE_MAX_DAYS`.

**Safe reruns.** Either answer is carried out once. **When it fails.** "... is over": the trial has
ended, and nothing is to be done. Otherwise decide by `regain promote` or `regain rollback`.
"""

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import TriggerRule, dag, task

from regain_airflow.assets import PROMOTION_READY
from regain_airflow.flows import QUICK, RETRIES, final
from regain_airflow.schedules import longest_trial

ASKED = "{{ ti.xcom_pull('question')['%s'] }}"
TRIAL = (ASKED % "experiment", "{{ dag_run.conf.get('as_of') or ti.start_date.isoformat() }}")


@task.short_circuit(**QUICK)
@final
def question() -> dict[str, object] | None:
    """The trial that waits, with what the judge found; None when none does."""
    from ml.tasks.approve_promotion import question

    return question()


@task(**QUICK)
@final
def promote(experiment: str, at: str) -> int:
    """Let the approved challenger answer everything; returns its version."""
    from ml.tasks.approve_promotion import promote_approved

    return promote_approved(experiment=experiment, as_of=at)


@task(**QUICK, trigger_rule=TriggerRule.ALL_SKIPPED)
@final
def withdraw(experiment: str, at: str) -> int:
    """End the trial of a challenger that was refused; returns its version."""
    from ml.tasks.approve_promotion import withdraw_refused

    return withdraw_refused(experiment=experiment, as_of=at)


@dag(
    schedule=[PROMOTION_READY],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def approve_promotion() -> None:
    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Let version {ASKED % 'version'} take over?",
        body=f"The judge found: {ASKED % 'reason'}",
        response_timeout=longest_trial(),
        **RETRIES,
    )
    # A run is judged by its last tasks: without `done` a promotion that failed would go unnoticed.
    done = EmptyOperator(task_id="done", **QUICK)
    question() >> approve >> promote(*TRIAL) >> [withdraw(*TRIAL), done]


approve_promotion()
