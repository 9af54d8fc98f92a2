"""### fire_drill

**Purpose.** Proves that the gate and the judge still stop what they are there to stop: models known
to be bad, made from the champion, are put before each of them on recorded products and labels. No
traffic is touched, nothing is registered, and the rollout ledger hears nothing of it.

| model | gate | judge | what is wrong with it |
|---|---|---|---|
| shuffled labels | stop | stop | trained on categories dealt out anew |
| swapped label space | stop | stop | numbers the categories in another order |
| erased class | stop | stop | never answers the most common category |
| slow | stop | stop | right, and slower than either allows |
| overconfident | stop | pass | right as often, and nearly always certain |
| champion itself | pass | pass | nothing: a drill that stops all is broken, too |

**Trigger.** 05:00 UTC on the 2nd of each month, or by hand: here, or `regain fire-drill`.

**Steps.** `drill` scores the test part of the champion's snapshot, and returns what gate and judge
said of each model beside what is expected; a cell that is not as published raises the alert
`repair`. `check` then fails the run.

**Safe reruns.** The alert is named by the champion and the run's time: it is raised once.

**When it fails.**
- `check`: its message names the guard, the model and why. Look for a changed `REGAIN_GATE_*`,
  `REGAIN_JUDGE_*` or `REGAIN_GUARDRAIL_*` setting; until it is mended, decide trials by hand.
- A model that was stopped in error: see the same log for the figures; a busy machine is slow.
- `drill`: "not enough recorded products": label more. A cell is *undecided*, and fails nothing,
  when the recorded labels can't show the fault: too few, or a champion that hardly errs.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from regain_airflow.flows import AS_OF, QUICK, TRAINING, final
from regain_airflow.schedules import cron


@task(**TRAINING, multiple_outputs=False)
@final
def drill(as_of: str) -> dict[str, Any]:
    """Put the models before gate and judge; returns the matrix, and raises the alert."""
    from ml.tasks.fire_drill import fire_drill

    return {**fire_drill(as_of=as_of)}


@task(**QUICK)
@final
def check(result: dict[str, Any]) -> None:
    """Fail the run when the matrix was not matched."""
    from ml.tasks.drill_matrix import check_drill

    check_drill(result)


@dag(
    schedule=cron("0 5 2 * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["regain"],
)
def fire_drill() -> None:
    check(drill(AS_OF))


fire_drill()
