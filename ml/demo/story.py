"""What the loop does next: pure decisions on how far it has come."""

from dataclasses import dataclass

TRIAL_STRETCHES = 2  # left for the trial that a check may lead to, and to see what it was good for
SABOTAGE_STRETCHES = 2  # left for the sabotage, one more than it takes when labels are few


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the loop is after a stretch.

    Products for `left` more stretches may come. A challenger is `on_trial`, or a champion `watched`
    beside the one before it. `reign` stretches were served since the champion was promoted,
    `regained` since the first version that drift had retrained was (None before), after which
    there was a drift check or not (`checked`), and `after_sabotage` since the sabotage was stopped
    (None before). `made`: the marketplace is a made one, which changes once.
    """

    left: float
    made: bool
    on_trial: bool
    watched: bool
    reign: int
    regained: int | None
    checked: bool
    sabotaged: bool
    after_sabotage: int | None


def check_is_due(progress: Progress) -> bool:
    """Whether to look for drift: with both windows full, and time left for what may come of it.

    Not while two versions are compared, which a retraining would cut short. A made marketplace has
    changed for good: one look at the new champion is enough.
    """
    settled = progress.regained is not None
    # A retrained version has answers of its trial beside those of its first stretch.
    full = progress.reign >= (1 if settled else 2)
    needed = TRIAL_STRETCHES + (0 if progress.sabotaged else SABOTAGE_STRETCHES)
    enough = progress.made and settled and progress.checked
    compared = progress.on_trial or progress.watched
    return not compared and full and progress.left >= needed and not enough


def sabotage_is_due(progress: Progress) -> bool:
    """Once a retrained version has served a stretch, and no other is on trial.

    The watch over it may end first, unless time is short.
    """
    hurried = progress.left < SABOTAGE_STRETCHES + 1
    return (
        not progress.on_trial
        and (hurried or not progress.watched)
        and not progress.sabotaged
        and progress.regained is not None
        and progress.regained >= 1
        and progress.left > 0
    )


def is_over(progress: Progress) -> bool:
    """A made marketplace ends one stretch after the sabotage; a catalogue is played to its end."""
    shown = progress.after_sabotage is not None and progress.after_sabotage >= 1
    return progress.left <= 0 or (progress.made and shown)
