"""What happened in a loop so far."""

from dataclasses import dataclass, field

from ml.demo.accuracy import Stretch
from ml.demo.drift_watch import Check
from ml.demo.traffic import Answered
from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.drift import Action
from ml.domain.rollouts import Comparison, ComparisonKind


@dataclass
class Played:
    """What happened so far. `checks` and `promotions` are by the stretch they came after.

    `early` are the answers that a trickle got while a judge decided, until the next stretch takes
    them in; after the last one they stay.
    After the stretch `regained` a version was first promoted that was retrained on the drift: in a
    made marketplace after its change, in a real one by any alert.
    """

    stretches: list[Stretch] = field(default_factory=list)
    early: list[Answered] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)
    promotions: dict[int, LedgerEntry] = field(default_factory=dict)
    regained: int | None = None
    sabotage: LedgerEntry | None = None
    rollback: LedgerEntry | None = None
    rolled_back_after: int | None = None
    imported: int = 0

    @property
    def answers(self) -> list[Answered]:
        """Every answer, in order of arrival."""
        return [a for stretch in self.stretches for a in stretch.answers] + self.early

    @property
    def saboteur(self) -> int | None:
        """The version that was forced in."""
        return self.sabotage.change.model_version if self.sabotage else None

    @property
    def first_alarm(self) -> int | None:
        """The stretch after which an alert first asked for a retraining."""
        return next(
            (
                number
                for number, check in sorted(self.checks.items())
                if any(record.alert.action is Action.RETRAIN for record in check.alerts)
            ),
            None,
        )

    def judged(self, comparison: Comparison, entry: LedgerEntry, *, changed: bool) -> None:
        """Note what a judge decided after the last stretch.

        `changed`: what it judged was made of products after the change.
        """
        number, version = len(self.stretches), comparison.candidate.model_version
        action = entry.change.action
        if action is LedgerAction.PROMOTE:
            self.promotions[number] = entry
            if changed and self.regained is None:
                self.regained = number
        elif action is LedgerAction.ROLLBACK and version == self.saboteur:
            self.rollback, self.rolled_back_after = entry, number
        elif action is LedgerAction.ROLLBACK and comparison.kind is ComparisonKind.WATCH:
            self._unpromoted(version)

    def _unpromoted(self, version: int) -> None:
        """A champion under watch was no better than the one before: nothing was regained by it."""
        regained = self.promotions.get(self.regained or 0)
        if regained is not None and regained.change.model_version == version:
            self.regained = None
