"""Alerts as a drift check raises them."""

from datetime import timedelta

from ml.domain.drift import Action, Alert, DriftCheck, Window
from tests.fakes import FakeServices
from tests.unit.tasks.rollouts import at


def deliver(
    services: FakeServices, alert_id: str, *, action: Action = Action.RETRAIN, hours: float = 0
) -> None:
    """A drift check raises an alert of this id, so many hours after noon."""
    when = at(hours)
    window = Window(when - timedelta(days=1), when, products=500)
    alert = Alert(alert_id, action, 1, when, window.start, "it drifted", {"distance": 0.3})
    check = DriftCheck(f"check of {alert_id}", 1, when, window, window, (), "memory://report")
    services.drift_log.record(check, [alert])
