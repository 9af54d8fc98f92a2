"""What the loop does next: pure decisions on how far it has come."""

from dataclasses import dataclass

TRIAL_STRETCHES = 2  # left for the trial that a check may lead to, and to see what it was good for
SABOTAGE_STRETCHES = 2  # left for the sabotage, one more than it takes when labels are few


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the loop is after a stretch.

    `served` of at most `last` stretches are, `reign` of them since the champion was promoted,
    `regained` since the first version that drift had retrained was promoted (None before), and
    `after_sabotage` since the sabotage was rolled back (None before). `made`: the marketplace is a
    made one, which changes once.
    """

    served: int
    last: int
    made: bool
    on_trial: bool
    reign: int
    regained: int | None
    sabotaged: bool
    after_sabotage: int | None


def check_is_due(progress: Progress) -> bool:
    """Whether to look for drift: with both windows full, and time left for what may come of it.

    A made marketplace has changed for good: one look at the new champion is enough.
    """
    settled = progress.regained is not None
    # A retrained version has answers of its trial beside those of its first stretch.
    full = progress.reign >= (1 if settled else 2)
    needed = TRIAL_STRETCHES + (0 if progress.sabotaged else SABOTAGE_STRETCHES)
    in_time = progress.served <= progress.last - needed
    enough = progress.made and settled and progress.regained != 1
    return not progress.on_trial and full and in_time and not enough


def sabotage_is_due(progress: Progress) -> bool:
    """Once a retrained version has served a stretch, and no other is on trial."""
    return (
        not progress.on_trial
        and not progress.sabotaged
        and progress.regained is not None
        and progress.regained >= 1
        and progress.served < progress.last
    )


def is_over(progress: Progress) -> bool:
    """A made marketplace ends one stretch after the sabotage; a catalogue is played to its end."""
    shown = progress.after_sabotage is not None and progress.after_sabotage >= 1
    return progress.served >= progress.last or (progress.made and shown)
