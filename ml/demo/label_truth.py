"""What the labels say of version 1's accuracy before the change, and how far that is the truth.

People look at hard products first, and err. The plain share of reviewed answers that were right is
off by the first; weighted by how each product was chosen it is what the same people would have
found, had they labelled every product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ml.demo.accuracy import Stretch, share_right
from ml.demo.backstage import Backstage
from ml.demo.traffic import Answered
from ml.rollout.accuracy import measure_accuracy
from ml.simulation.reviewers import Reviewers


@dataclass(frozen=True)
class LabelsReport:
    """Shares of right answers among `products`, by `labels`; all in [0, 1].

    `naive` counts reviewed products, `weighted` lets each stand for those it was drawn from (95 %
    from `low` to `high`). `everybody` is what the same people would have found of every product,
    `truth` what only the simulation knows.
    """

    products: int
    labels: int
    naive: float
    weighted: float
    low: float
    high: float
    everybody: float
    truth: float


def label_truth(
    backstage: Backstage,
    stretches: Sequence[Stretch],
    team: Reviewers,
    *,
    version: int,
    as_of: datetime,
) -> LabelsReport | None:
    """The figures of a version over some stretches; None where it answered nothing."""
    answers = [a for each in stretches for a in each.answers if a.model_version == version]
    if not answers:
        return None
    services = backstage.services
    report = backstage.patiently(
        lambda: measure_accuracy(
            services.ledger,
            services.windows,
            services.label_spaces,
            as_of=as_of,
            version=version,
            since=stretches[0].start,
            until=stretches[-1].end,
        )
    )
    overall = report.slices[0]
    if not overall.labelled:
        return None
    return LabelsReport(
        products=len(answers),
        labels=overall.labelled,
        naive=overall.naive.value,
        weighted=overall.weighted.value,
        low=overall.weighted.low,
        high=overall.weighted.high,
        everybody=_share_by(team, answers),
        truth=share_right(answers) or 0.0,
    )


def _share_by(team: Reviewers, answers: Iterable[Answered]) -> float:
    """The share of right answers had the team labelled each product, in turns."""
    willing, names = replace(team, response_share=1.0), team.names
    agreed = []
    for place, answer in enumerate(answers):
        product, reviewer = answer.product, names[place % len(names)]
        label = willing.answer(
            product.product_id, product.category, product.listed_at, reviewer=reviewer
        )
        agreed.append(label is not None and label.category == answer.category)
    return sum(agreed) / len(agreed)
