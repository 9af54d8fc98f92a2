"""The retraining flow that every retraining DAG shares, and how regain's tasks are run."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowFailException

from ml.domain.errors import DrillFailed, InvalidInput, NotFound

# The time a run speaks of: what its conf says (replays), else when it was due.
AS_OF = "{{ dag_run.conf.get('as_of') or dag_run.run_after.isoformat() }}"
# Names a run among those of all DAGs: two that are due at once have the same run id.
RUN = "{{ dag.dag_id }}:{{ run_id }}"

# Quick at first, then patient: a service that restarts is back by then, an outage of minutes too.
RETRIES = {
    "retries": 6,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
}
QUICK = {**RETRIES, "execution_timeout": timedelta(minutes=15)}
TRAINING = {**RETRIES, "execution_timeout": timedelta(hours=6), "queue": "gpu"}


def final(body: Callable[..., Any]) -> Callable[..., Any]:
    """Let a task fail at once over what no retry can mend."""

    @wraps(body)
    def run(*values: Any, **named: Any) -> Any:
        try:
            return body(*values, **named)
        except (InvalidInput, NotFound, DrillFailed) as error:
            raise AirflowFailException(str(error)) from error

    return run


@task(**QUICK)
@final
def collect_labels(as_of: str) -> str:
    """Freeze the labels given up to `as_of` and their split; returns the snapshot's digest."""
    from ml.tasks.collect_labels import collect_labels

    return collect_labels(as_of=as_of)


@task(**TRAINING)
@final
def train_text(snapshot: str) -> str:
    """Train the text model on the snapshot's training part; returns its key."""
    from ml.tasks.train_text import train_text

    return train_text(snapshot)


@task(**TRAINING)
@final
def train_image(snapshot: str) -> str:
    """Train the image models and their vote on the snapshot's training part; returns their key."""
    from ml.tasks.train_image import train_image

    return train_image(snapshot)


@task(**TRAINING)
@final
def fuse(snapshot: str, text: str, image: str) -> str:
    """Choose the fusion and calibrate it on the validation part; returns the bundle's digest."""
    from ml.tasks.fuse import fuse

    return fuse(snapshot, text_key=text, image_key=image)


@task(**TRAINING)
@final
def evaluate(snapshot: str, bundle: str, as_of: str) -> str:
    """Score bundle and champion on the same test rows; returns the evaluation's key."""
    from ml.tasks.evaluate import evaluate

    return evaluate(snapshot, bundle_digest=bundle, as_of=as_of)


@task(**QUICK)
@final
def register(snapshot: str, bundle: str, evaluation: str, image: str) -> int:
    """Log the run and register the version in MLflow, once; returns the version."""
    from ml.tasks.evaluate import register

    return register(snapshot, bundle_digest=bundle, evaluation_key=evaluation, image_key=image)


@task(**QUICK)
@final
def gate(version: int, evaluation: str) -> bool:
    """Whether the version may serve instead of the champion; its log says why."""
    from ml.tasks.release import gate

    return gate(version=version, evaluation_key=evaluation)


@task(**QUICK)
@final
def release(version: int, evaluation: str, as_of: str, run: str) -> str:
    """Let an admitted version be tried, or serve as the first; returns what was recorded."""
    from ml.tasks.release import release

    return release(version=version, evaluation_key=evaluation, as_of=as_of, run=run)


@task_group
def retrain(as_of: str = AS_OF, run: str = RUN) -> Any:
    """Labels as of a time become a version on trial, or a stored reason why not.

    Returns what the last task recorded: "challenge", "promote", "refuse", ...
    """
    snapshot = collect_labels(as_of)
    text, image = train_text(snapshot), train_image(snapshot)
    bundle = fuse(snapshot, text, image)
    evaluation = evaluate(snapshot, bundle, as_of)
    version = register(snapshot, bundle, evaluation, image)
    released = release(version, evaluation, as_of, run)
    gate(version, evaluation) >> released
    return released
