"""What gunicorn does around its workers: `gunicorn --config python:ml.serving.server ...`.

gunicorn's own process loads it, so it imports little, and no prometheus_client: that decides when
it is imported how all workers keep their numbers.
"""

import shutil
from pathlib import Path
from typing import Any

from ml.wiring.config import Settings, load_settings


def metrics_folder(settings: Settings) -> Path:
    """Where the workers of the running server keep their numbers."""
    return settings.state.resolve() / "serving" / "metrics"


def on_starting(_: Any) -> None:
    """Forget the numbers of the server before this one: its counters start at zero, as do ours."""
    shutil.rmtree(metrics_folder(load_settings()), ignore_errors=True)


def child_exit(_: Any, worker: Any) -> None:
    """A dead worker's gauges say nothing any more; its counters stay counted.

    Done at its death, since its pid may soon be another process's.
    """
    for path in metrics_folder(load_settings()).glob(f"gauge_live*_{worker.pid}.db"):
        path.unlink(missing_ok=True)
