"""Waiting until what was answered is in PostgreSQL, and what was scored beside it."""

import time

from ml.demo.backstage import Backstage

LONGEST_SECONDS = 60.0
QUIET_SECONDS = 3.0
POLL_SECONDS = 0.5
EVERYTHING = 2**62


def wait_until_written(backstage: Backstage, *, answers: int) -> None:
    """Wait for so many predictions in the log, and until the shadow scores come no more.

    Gives up after a while: the report will say what was lost.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    predictions = backstage.services.predictions
    while backstage.patiently(predictions.count) < answers and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    comparison = backstage.rollout().comparison
    if comparison is None:
        return
    scored, quiet_since = -1, time.monotonic()
    while time.monotonic() < min(deadline, quiet_since + QUIET_SECONDS):
        time.sleep(POLL_SECONDS)
        now = scored_products(backstage, comparison.experiment)[0]
        if now != scored:
            scored, quiet_since = now, time.monotonic()


def scored_products(backstage: Backstage, experiment: str) -> tuple[int, int]:
    """Products that both models of a comparison scored, and how many of them differently."""
    shadows = backstage.services.shadows
    return backstage.patiently(lambda: shadows.counts(experiment, after=0, until=EVERYTHING))
