"""People reviewing over HTTP: the team takes turns, and answers late, partly, fallibly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from typing import Any

from ml.demo.traffic import Answered
from ml.serving.client import ServingClient
from ml.simulation.categories import CONFUSABLE
from ml.simulation.reviewers import Answer, Reviewers

BLIND = 2  # reviews of one product that are asked for at once; a third one settles a difference


def team_of(seed: int, categories: Sequence[str]) -> Reviewers:
    """The people who review, knowing these categories."""
    return Reviewers(seed=seed, categories=categories, confusable=CONFUSABLE)


@dataclass
class ReviewDesk:
    """The products that people may be asked about, and what came of it so far.

    `labels` are the ids of the labels that were posted, each with whether it told the truth;
    `unanswered` counts questions that nobody answered.
    """

    client: ServingClient
    labels: dict[str, bool] = field(default_factory=dict)
    unanswered: int = 0
    _served: dict[str, Answered] = field(default_factory=dict)
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def expect(self, answers: Sequence[Answered]) -> None:
        """Let these be reviewed, should they be chosen."""
        self._served.update((answer.prediction_id, answer) for answer in answers)

    def review(self, team: Reviewers, *, on_label: Callable[[], None] = lambda: None) -> int:
        """Put every waiting product before the team and post what it answers, in simulated time.

        Nobody sees the model's answer, or another reviewer's: what people say depends on the
        product alone. A category that is not among the team's own is named as a new one. Returns
        the number of labels.
        """
        before, in_vain = len(self.labels), 0
        for reviewer in cycle(team.names):
            item = self.client.next_review(reviewer)
            in_vain = 0 if item else in_vain + 1
            if in_vain == len(team.names):  # nothing waits for anybody
                break
            if item and self._ask(item, reviewer, team):
                on_label()
        return len(self.labels) - before

    def _ask(self, item: dict[str, Any], reviewer: str, team: Reviewers) -> bool:
        """One person's look at one product; whether it led to a label."""
        product = self._served[item["prediction_id"]].product
        given = self._answers.setdefault(product.product_id, [])
        asked_at = _asked_at(product.listed_at, given)
        answer = team.answer(
            product.product_id, product.category, asked_at, reviewer=reviewer, turn=len(given)
        )
        if answer is None:
            self.unanswered += 1
            return False
        receipt = self.client.add_label(
            item["prediction_id"],
            answer.category,
            reviewer=answer.reviewer,
            labelled_at=answer.labelled_at,
            new_category=answer.category not in team.categories,
        )
        given.append(answer)
        self.labels[receipt["label_id"]] = answer.category == product.category
        return True


def _asked_at(listed_at: datetime, given: Sequence[Answer]) -> datetime:
    """Whoever settles a difference is asked once there is one."""
    if len(given) < BLIND:
        return listed_at
    return max(answer.labelled_at for answer in given)
