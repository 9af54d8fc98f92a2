"""People reviewing over HTTP: a lead takes what waits, the team answers late, partly, fallibly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ml.demo.traffic import Answered
from ml.domain.errors import NotFound
from ml.serving.client import ServingClient
from ml.simulation.reviewers import Reviewers

LEAD = "review-lead"


@dataclass(frozen=True)
class Reviewed:
    """A product somebody was asked about, and whether an answer came."""

    prediction_id: str
    category: str | None

    @property
    def is_answered(self) -> bool:
        return self.category is not None


def review(
    answers: Sequence[Answered],
    reviewers: Reviewers,
    client: ServingClient,
    *,
    on_label: Callable[[], None] = lambda: None,
) -> list[Reviewed]:
    """Put every waiting product before the team and post what it answers, in simulated time.

    Nobody sees the model's answer: what a reviewer says depends on the product alone. A category
    that is not among the reviewers' own is named as a new one.
    """
    asked: Mapping[str, Answered] = {answer.prediction_id: answer for answer in answers}
    reviewed = []
    while item := client.next_review(LEAD):
        product = asked[item["prediction_id"]].product
        answer = reviewers.answer(product.product_id, product.category, product.listed_at)
        if answer is not None:
            client.add_label(
                item["prediction_id"],
                answer.category,
                reviewer=answer.reviewer,
                labelled_at=answer.labelled_at,
                new_category=answer.category not in reviewers.categories,
            )
            on_label()
        reviewed.append(Reviewed(item["prediction_id"], answer.category if answer else None))
    return reviewed


def agreement(
    answers: Sequence[Answered], reviewed: Sequence[Reviewed], client: ServingClient
) -> tuple[float | None, float | None]:
    """Agreement of model and reviewers: unweighted, and weighted by 1 / inclusion probability.

    The second is the Hajek estimate sum(correct / p) / sum(1 / p); both are None without labels.
    """
    said = {entry.prediction_id: entry.category for entry in reviewed if entry.is_answered}
    correct, weights = [], []
    for answer in answers:
        if answer.prediction_id in said:
            correct.append(answer.category == said[answer.prediction_id])
            weights.append(1 / _inclusion_probability(client, answer.prediction_id))
    if not correct:
        return None, None
    weighted = sum(w for hit, w in zip(correct, weights, strict=True) if hit) / sum(weights)
    return sum(correct) / len(correct), weighted


def reviewer_accuracy(answers: Sequence[Answered], reviewed: Sequence[Reviewed]) -> float | None:
    """Share of the reviewers' labels that are the truth, None without labels."""
    truth = {answer.prediction_id: answer.product.category for answer in answers}
    right = [truth[e.prediction_id] == e.category for e in reviewed if e.is_answered]
    return sum(right) / len(right) if right else None


def _inclusion_probability(client: ServingClient, prediction_id: str) -> float:
    selections = client.prediction(prediction_id)["selections"]
    if not selections:
        raise NotFound(f"prediction {prediction_id} was labelled but never selected for review")
    return float(selections[0]["inclusion_probability"])
