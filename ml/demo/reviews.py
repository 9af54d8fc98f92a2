"""People reviewing over HTTP: a lead takes what waits, the team answers late, partly, fallibly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ml.demo.traffic import Answered
from ml.serving.client import ServingClient
from ml.simulation.reviewers import Reviewers

LEAD = "review-lead"


@dataclass
class ReviewDesk:
    """The products that people may be asked about, and what came of it so far.

    `labels` are the ids of the labels that were posted, each with whether it told the truth;
    `unanswered` counts products that nobody answered.
    """

    client: ServingClient
    labels: dict[str, bool] = field(default_factory=dict)
    unanswered: int = 0
    _served: dict[str, Answered] = field(default_factory=dict)

    def expect(self, answers: Sequence[Answered]) -> None:
        """Let these be reviewed, should they be chosen."""
        self._served.update((answer.prediction_id, answer) for answer in answers)

    def review(self, reviewers: Reviewers, *, on_label: Callable[[], None] = lambda: None) -> int:
        """Put every waiting product before the team and post what it answers, in simulated time.

        Nobody sees the model's answer: what a reviewer says depends on the product alone. A
        category that is not among the reviewers' own is named as a new one. Returns the number of
        labels.
        """
        before = len(self.labels)
        while item := self.client.next_review(LEAD):
            product = self._served[item["prediction_id"]].product
            answer = reviewers.answer(product.product_id, product.category, product.listed_at)
            if answer is None:
                self.unanswered += 1
                continue
            receipt = self.client.add_label(
                item["prediction_id"],
                answer.category,
                reviewer=answer.reviewer,
                labelled_at=answer.labelled_at,
                new_category=answer.category not in reviewers.categories,
            )
            self.labels[receipt["label_id"]] = answer.category == product.category
            on_label()
        return len(self.labels) - before
