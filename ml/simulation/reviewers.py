"""Simulated reviewers: they answer late, not always, and sometimes wrongly.

What they answer depends on the product and the seed only, never on what a model said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True)
class Answer:
    """One reviewer's answer."""

    category: str
    reviewer: str
    labelled_at: datetime


@dataclass(frozen=True, kw_only=True)
class Reviewers:
    """A team of reviewers of one seed.

    `response_share` of the products put before them is ever answered. The delay is log-normal with
    this median and deviation (of its logarithm). `error_share` is the team's mean; single people
    err between half and one and a half of it. A wrong answer is one of `confusable` (category ->
    those it is taken for, likeliest first) in `confusable_share` of the cases that have any,
    otherwise any other of `categories`.
    """

    seed: int
    categories: Sequence[str]
    confusable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    people: int = 5
    response_share: float = 0.8
    median_delay_days: float = 1.5
    delay_deviation: float = 0.8
    error_share: float = 0.12
    confusable_share: float = 0.75

    @property
    def names(self) -> tuple[str, ...]:
        """Who is in the team."""
        return tuple(f"reviewer-{person:02d}" for person in range(1, self.people + 1))

    def answer(
        self, key: str, truth: str, asked_at: datetime, *, reviewer: str, turn: int = 0
    ) -> Answer | None:
        """One person's answer about a product of this true category, or None: it never comes.

        `key` names the question (a prediction or product id) and `turn` how many have answered it
        before: asked again, it is answered alike, and by the next person independently.
        """
        rng = Random(f"{self.seed}/review/{key}/{turn}")
        if rng.random() >= self.response_share:
            return None
        days = self.median_delay_days * rng.lognormvariate(0, self.delay_deviation)
        wrong = rng.random() < self._error_share_of(self.names.index(reviewer))
        return Answer(
            category=self._mistake(rng, truth) if wrong else truth,
            reviewer=reviewer,
            labelled_at=asked_at + timedelta(days=days),
        )

    def _error_share_of(self, person: int) -> float:
        """Evenly spread over the team around its mean, the first person the most careful."""
        if self.people == 1:
            return self.error_share
        return self.error_share * (0.5 + person / (self.people - 1))

    def _mistake(self, rng: Random, truth: str) -> str:
        """Another category than the true one (the true one when there is no other)."""
        likely = [name for name in self.confusable.get(truth, ()) if name in self.categories]
        if likely and rng.random() < self.confusable_share:
            return rng.choices(likely, [1 / rank for rank in range(1, len(likely) + 1)])[0]
        others = [name for name in self.categories if name != truth]
        return rng.choice(others) if others else truth
