"""Whether the loop closed: everything that must not be, in words."""

from collections.abc import Iterator, Sequence

from ml.demo.accuracy import Accuracy
from ml.demo.comparisons import ComparisonReport
from ml.demo.report import AlertReport, SabotageReport, Tally
from ml.domain.drift import Action
from ml.domain.rollouts import ComparisonKind


def faults(
    alerts: Sequence[AlertReport],
    sabotage: SabotageReport | None,
    comparisons: Sequence[ComparisonReport],
    figures: Accuracy,
    *,
    regained: bool,
    made: bool,
) -> Iterator[str]:
    """What keeps the loop from being closed."""
    asked = [alert for alert in alerts if alert.action == Action.RETRAIN]
    if not asked:
        yield "no drift check asked for a retraining"
    if any(not alert.settled for alert in asked):
        yield "an alert that asks for a retraining is not settled"
    if not regained:
        yield "no version that was retrained on the drift was promoted"
    elif figures.after is None:
        yield "nothing was served after a retrained version was promoted"
    if not any(each.kind == ComparisonKind.WATCH for each in comparisons):
        yield "no new champion was watched"
    if sabotage is None:
        yield "there was no sabotage"
    elif not sabotage.rolled_back:
        yield f"the sabotage, version {sabotage.version}, was not stopped by the judge"
    yield from _shortfalls(figures, made=made)


def _shortfalls(figures: Accuracy, *, made: bool) -> Iterator[str]:
    """Where what is served after the promotion is no better than its rivals.

    Version 1 is one on the same products; in a `made` marketplace, whose drift is of one kind, what
    was served before is another.
    """
    rivals = {"with version 1": figures.first_version_on_later_products}
    if made:
        rivals["before the promotion"] = figures.drifted
    for when, rival in rivals.items():
        if figures.after is not None and rival is not None and figures.after <= rival:
            told = f"served accuracy is {figures.after:.1%} after it, no better than"
            yield f"{told} {rival:.1%} {when}"


def losses(lost_ones: Tally, doubled_ones: Tally) -> Iterator[str]:
    """Predictions and labels that were lost or doubled, if any."""
    for word, tally in (("lost", lost_ones), ("doubled", doubled_ones)):
        for kind, count in vars(tally).items():
            if count:
                yield f"{count} {kind} were {word}"
