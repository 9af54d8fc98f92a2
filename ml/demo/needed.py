"""How many labels each rule would have needed for what the demo decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml.demo.comparisons import ComparisonReport
from ml.demo.labels_needed import Median, labels_needed
from ml.rollout.judge import JudgePolicy

MONTHS = 200
PROMOTED = "promote"


@dataclass(frozen=True)
class NeededReport:
    """A decision the judge made by `labels`, of which `labels_to_decide` would have been enough.

    `rules` tell the median of each rule on simulated months of such a version: as often at odds
    with its rival, and as often right then.
    """

    version: int
    decision: str
    labels: int
    labels_to_decide: int | None
    rules: Mapping[str, Median]


def needed_reports(
    comparisons: Sequence[ComparisonReport],
    accuracies: Mapping[int, float],
    policy: JudgePolicy,
    *,
    seed: int,
) -> Iterator[NeededReport]:
    """One for each trial that ended by what people said; `accuracies` are the champions'."""
    for each in comparisons:
        decided = each.verdict in (PROMOTED, "rollback", "rejected")
        if each.kind == "trial" and decided and each.labels:
            yield NeededReport(
                version=each.version,
                decision=PROMOTED if each.verdict == PROMOTED else "stop",
                labels=each.labels,
                labels_to_decide=each.labels_to_decide,
                rules=labels_needed(
                    disagreement=each.disagreements / each.products,
                    wins=each.wins,
                    ties=each.ties,
                    losses=each.losses,
                    policy=policy,
                    promoting=each.verdict == PROMOTED,
                    accuracy=accuracies[each.rival],
                    months=MONTHS,
                    seed=seed,
                ),
            )
