"""### retrain_monthly

**Purpose.** Keeps the classifier as accurate as the labels allow: freezes all labels given so far,
retrains the text and image models, and tries the new version unless the gate finds it worse.

**Trigger.** 03:00 UTC on the 1st of each month, or by hand. The conf
`{"as_of": "2026-01-01T00:00:00+00:00"}` freezes the labels as they were at that time.

**Steps.** `collect_labels` freezes a content-addressed snapshot and the permanent split;
`train_text` and `train_image` run on the queue `gpu`; `fuse` chooses the modality weights and the
temperature on validation rows; `evaluate` scores the test rows; `register` creates the MLflow
version; `gate` holds it against the champion on the same test rows; `release` writes the rollout
ledger, then moves the registry's aliases: the first version becomes champion, a later one is the
challenger that `judge_rollout` decides on. A refused version stays in the registry, its reason in
the ledger, and the champion goes on serving: that is a successful run.

**Safe reruns.** Every step is keyed by the content it works on. Clear any task at any time: what is
finished is found again, and no version, label or ledger entry is doubled.

**When it fails.**
- `collect_labels`: "no labels": import a catalogue (`regain import PATH`) or post reviews.
- `train_*` out of memory or timed out: clear the task; finished picture embeddings are kept.
- `register`: MLflow does not answer: see `regain status`, then clear the task.
- `gate`, `release`: another version became champion meanwhile: clear `evaluate`.
"""

from datetime import UTC, datetime

from airflow.sdk import dag

from regain_airflow.flows import retrain
from regain_airflow.schedules import cron


@dag(
    schedule=cron("0 3 1 * *"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["regain"],
)
def retrain_monthly() -> None:
    retrain()


retrain_monthly()
