"""The retraining flow that every retraining DAG shares."""

from datetime import timedelta
from typing import Any

from airflow.sdk import task, task_group

# The time a run speaks of: what its conf says (replays, alerts), else when it was due.
AS_OF = "{{ dag_run.conf.get('as_of') or dag_run.run_after.isoformat() }}"
RUN_ID = "{{ run_id }}"

RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=5)}
QUICK = {**RETRIES, "execution_timeout": timedelta(minutes=15)}
TRAINING = {**RETRIES, "execution_timeout": timedelta(hours=6), "queue": "gpu"}


@task(**QUICK)
def collect_labels(as_of: str) -> str:
    """Freeze the labels given up to `as_of` and their split; returns the snapshot's digest."""
    from ml.tasks.retrain import collect_labels

    return collect_labels(as_of=as_of)


@task(**TRAINING)
def train_text(snapshot: str) -> str:
    """Train the text model on the snapshot's training part; returns its key."""
    from ml.tasks.retrain import train_text

    return train_text(snapshot)


@task(**TRAINING)
def train_image(snapshot: str) -> str:
    """Train the image models and their vote on the snapshot's training part; returns their key."""
    from ml.tasks.retrain import train_image

    return train_image(snapshot)


@task(**TRAINING)
def fuse(snapshot: str, text: str, image: str) -> str:
    """Choose the fusion and calibrate it on the validation part; returns the bundle's digest."""
    from ml.tasks.retrain import fuse

    return fuse(snapshot, text_key=text, image_key=image)


@task(**TRAINING)
def evaluate(snapshot: str, bundle: str) -> str:
    """Score the bundle on the test part; returns the evaluation's key."""
    from ml.tasks.retrain import evaluate

    return evaluate(snapshot, bundle_digest=bundle)


@task(**QUICK)
def register(snapshot: str, bundle: str, evaluation: str) -> int:
    """Log the run and register the version in MLflow, once; returns the version."""
    from ml.tasks.retrain import register

    return register(snapshot, bundle_digest=bundle, evaluation_key=evaluation)


@task(**QUICK)
def gate(snapshot: str, version: int, evaluation: str) -> dict[str, Any]:
    """Hold the candidate against the champion on the same test rows; returns the decision."""
    from ml.tasks.retrain import gate

    return gate(snapshot, version=version, evaluation_key=evaluation)


@task(**QUICK)
def promote(version: int, decision: dict[str, Any], as_of: str, run_id: str) -> str:
    """Let an admitted version serve: ledger first, alias last; returns what was recorded."""
    from ml.tasks.retrain import promote

    return promote(version=version, decision=decision, as_of=as_of, run_id=run_id)


@task_group
def retrain(as_of: str = AS_OF, run_id: str = RUN_ID) -> None:
    """Labels as of a time become a version that serves, or a stored reason why not."""
    snapshot = collect_labels(as_of)
    bundle = fuse(snapshot, train_text(snapshot), train_image(snapshot))
    evaluation = evaluate(snapshot, bundle)
    version = register(snapshot, bundle, evaluation)
    promote(version, gate(snapshot, version, evaluation), as_of, run_id)
