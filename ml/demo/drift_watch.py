"""Looking for drift after a stretch, and waiting for what an alert sets off by itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ml.demo.airflow import FINISHED
from ml.demo.backstage import RUN_TIMEOUT_SECONDS, Backstage
from ml.demo.stages import Stage
from ml.domain.drift import Action, AlertRecord
from ml.domain.errors import RegainError

CHECK = "check_drift"
RETRAIN = "retrain_on_drift"
HINT_SECONDS = 60.0  # in which the asset event must have started a run


@dataclass(frozen=True)
class Check:
    """What a drift check saw: `findings` are the monitors that speak of drift.

    `report_uri` is None when the windows were too small to say anything.
    """

    at: datetime
    findings: tuple[str, ...]
    alerts: tuple[AlertRecord, ...]
    report_uri: str | None

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.report_uri is None:
            return "too few products to tell"
        if not self.findings:
            return "no drift"
        asked = ", ".join(record.alert.action.value for record in self.alerts)
        return f"{', '.join(self.findings)} drift" + (f" → {asked}" if asked else "")


class DriftWatch:
    """Runs `check_drift` and follows the retraining that an alert of it starts.

    `nudges` counts runs of `retrain_on_drift` that the driver had to start, as the cron sweep would
    have outside a replay, because the asset event did not within `hint_seconds` or an attempt
    failed.
    """

    def __init__(
        self,
        backstage: Backstage,
        *,
        hint_seconds: float = HINT_SECONDS,
        poll_seconds: float = 1.0,
    ) -> None:
        self.nudges = 0
        self._backstage = backstage
        self._hint_seconds = hint_seconds
        self._poll_seconds = poll_seconds

    def check(self, number: int, as_of: datetime) -> Check:
        """Check after the stretch of this number, as of its end."""
        known = {record.alert.alert_id for record in self._history()}
        # Before there is an alert: what an asset asks of a paused DAG is never run.
        self._backstage.airflow.wait_for_dag(RETRAIN)
        self._backstage.airflow.unpause(RETRAIN)
        name = f"check {number}"
        with self._backstage.stages.stage(name, f"  {CHECK} in Airflow") as stage:
            self._backstage.play(CHECK, f"demo-check-{number}", as_of, stage)
            check = self._seen(as_of, known)
            stage.outcome = check.summary
        return check

    def settle(self, number: int, alerts: Sequence[AlertRecord]) -> None:
        """Wait until every alert that asks for a retraining is settled.

        Raises RegainError when an alert's attempts are used up, or all of it takes too long.
        """
        for record in alerts:
            if record.alert.action is Action.RETRAIN:
                title = f"  Retraining that the alert started by itself ({RETRAIN})"
                with self._backstage.stages.stage(f"retraining {number}", title) as stage:
                    nudges = self.nudges
                    done = self._wait(number, record.alert.alert_id, stage)
                    stage.outcome = done.attempts[-1].detail
                    if self.nudges > nudges:
                        stage.outcome += ", by a sweep that the driver stood in for"

    def _seen(self, as_of: datetime, known: set[str]) -> Check:
        recent = self._backstage.patiently(
            lambda: self._backstage.services.drift_log.recent(limit=1)
        )
        made = recent[0] if recent and recent[0].as_of == as_of else None
        return Check(
            at=as_of,
            findings=tuple(each.monitor.value for each in made.findings if each.drifted)
            if made
            else (),
            alerts=tuple(each for each in self._history() if each.alert.alert_id not in known),
            report_uri=made.report_uri if made else None,
        )

    def _wait(self, number: int, alert_id: str, stage: Stage) -> AlertRecord:
        """The alert, settled. Runs are only looked at, unless none is there and none comes."""
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        idle_since, seen_failures = time.monotonic(), 0
        while not (record := self._record(alert_id)).settled:
            if record.failures >= self._backstage.settings.alert_max_attempts:
                raise RegainError(
                    f"{RETRAIN} failed {record.failures} times: {record.attempts[-1].detail}"
                )
            if time.monotonic() > deadline:
                raise RegainError(f"alert {alert_id} was not settled in time; see {RETRAIN}'s runs")
            if self._is_running(stage):
                idle_since = time.monotonic()
            elif (
                record.failures > seen_failures
                or time.monotonic() - idle_since > self._hint_seconds
            ):
                self._sweep(number, record.alert.at)
                idle_since, seen_failures = time.monotonic(), record.failures
            time.sleep(self._poll_seconds)
        return record

    def _is_running(self, stage: Stage) -> bool:
        """Whether a run goes on, which is shown."""
        runs = self._backstage.airflow.runs(RETRAIN)
        open_runs = [run_id for run_id, state in runs.items() if state not in FINISHED]
        if open_runs:
            stage.show_run(self._backstage.airflow.run(RETRAIN, open_runs[-1]))
        return bool(open_runs)

    def _sweep(self, number: int, at: datetime) -> None:
        self.nudges += 1
        run_id = f"demo-sweep-{number}-{self.nudges}"
        self._backstage.airflow.trigger(RETRAIN, as_of=at, run_id=run_id)

    def _record(self, alert_id: str) -> AlertRecord:
        return next(each for each in self._history() if each.alert.alert_id == alert_id)

    def _history(self) -> list[AlertRecord]:
        return self._backstage.patiently(self._backstage.services.alerts.history)
