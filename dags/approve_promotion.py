"""### approve_promotion

**Purpose.** Asks an engineer whether a challenger that the judge found good may take over. Used
where `REGAIN_PROMOTION_APPROVAL` is set; otherwise challengers are promoted as soon as they are
found good.

**Trigger.** `judge_rollout`, once for each trial. Nothing else needs it: a rollback never waits for
anybody, and takes the challenger off traffic while the question is still open.

**Steps.** `approve` waits for an answer (Browse, Required Actions, or the task's tab of that name);
it shows what the judge found. *Approve* has `promote` write the promotion to the ledger; *Reject*
has `withdraw` end the trial. Unanswered for `REGAIN_JUDGE_MAX_DAYS`, the trial expires.

**Safe reruns.** Either answer is carried out once. Clear `approve` to be asked again.

**When it fails.**
- "... is over": the trial ended meanwhile (rolled back, expired, replaced); nothing is to be done.
- "the rollout moved": somebody changed it just now; the next attempt looks anew.
- Without Airflow: `regain promote --reason ...` or `regain rollback --reason ...`.
"""

from datetime import UTC, datetime

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import TriggerRule, dag, task

from regain_airflow.flows import AS_OF, EXPERIMENT, QUICK, RETRIES, final
from regain_airflow.schedules import longest_trial


@task(**QUICK)
@final
def promote(experiment: str, as_of: str) -> int:
    """Let the approved challenger answer everything; returns its version."""
    from ml.tasks.approve_promotion import promote_approved

    return promote_approved(experiment=experiment, as_of=as_of)


@task(**QUICK, trigger_rule=TriggerRule.ALL_SKIPPED)
@final
def withdraw(experiment: str, as_of: str) -> int:
    """End the trial of a challenger that was refused; returns its version."""
    from ml.tasks.approve_promotion import withdraw_refused

    return withdraw_refused(experiment=experiment, as_of=as_of)


@dag(
    schedule=None,
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
        subject="Let the challenger of {{ dag_run.conf['experiment'] }} take over?",
        body="The judge found: {{ dag_run.conf['reason'] }}",
        response_timeout=longest_trial(),
        **RETRIES,
    )
    promoted = promote(EXPERIMENT, AS_OF)
    approve >> promoted >> withdraw(EXPERIMENT, AS_OF)


approve_promotion()
