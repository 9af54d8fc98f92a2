"""What the services hold against what was told: predictions, labels, shadow scores, aliases."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ml.demo.backstage import Backstage
from ml.demo.comparisons import ComparisonReport
from ml.demo.report import ShadowWork, Tally
from ml.demo.reviews import ReviewDesk
from ml.demo.traffic import Answered, lost
from ml.domain.labels import LabelSource
from ml.domain.rollouts import Rollout

FAR_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)


def accounts(
    backstage: Backstage, answers: Sequence[Answered], desk: ReviewDesk
) -> tuple[Tally, Tally]:
    """What was lost and what was doubled, of predictions and labels."""
    services = backstage.services
    unlogged = len(lost(answers, backstage.serving))
    logged = backstage.patiently(services.predictions.count)
    read = backstage.patiently(lambda: services.labels.read(FAR_FUTURE))
    stored = [
        label
        for label, source in zip(
            read["label_id"].to_pylist(), read["source"].to_pylist(), strict=True
        )
        if source == LabelSource.REVIEW
    ]
    told = set(desk.labels)
    unstored = len(told - set(stored))
    return (
        Tally(unlogged, unstored),
        Tally(logged - (len(answers) - unlogged), len(stored) - (len(told) - unstored)),
    )


def shadow_work(backstage: Backstage, comparisons: Sequence[ComparisonReport]) -> ShadowWork:
    """Stored by the comparisons' logs; what came to nothing by the workers' own counts."""
    work = backstage.patiently(backstage.shadow_work)
    stored = sum(each.products for each in comparisons)
    return ShadowWork(stored, work["dropped"], work["failed"])


def alias_faults(backstage: Backstage, rollout: Rollout) -> Iterator[str]:
    """Whether the registry shows who serves."""
    served = {"champion": rollout.champion, "challenger": rollout.challenger}
    expected = {name: each.model_version for name, each in served.items() if each}
    shown = backstage.patiently(backstage.services.registry.aliases)
    if shown != expected:
        yield f"the registry's aliases are {shown}, the ledger says {expected}"
