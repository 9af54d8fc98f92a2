"""What is reported of trials and watches."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, cast

import pytest

from ml.demo.backstage import Backstage
from ml.demo.comparisons import ComparisonReport, comparison_reports, labels_to_decide, policy_of
from ml.demo.needed import needed_reports
from ml.demo.rules import REGAIN, RULES
from ml.domain.comparisons import Cohort, ScoredAnswer, ShadowScore, Stratum
from ml.domain.decisions import LedgerAction, LedgerChange
from ml.domain.predictions import Arm, Prediction
from ml.domain.products import Product
from ml.domain.rollouts import Champion, Comparison, ComparisonKind
from ml.tasks.policies import trial_policy
from ml.wiring.config import Settings
from tests.fakes import FakeServices

AT = datetime(2026, 4, 1, tzinfo=UTC)
BASELINE, CANDIDATE = (Champion(i, i, "b" * 64, 1, AT) for i in (1, 2))
TRIAL = Comparison(ComparisonKind.TRIAL, "trial-2", CANDIDATE, BASELINE, AT, 1.0, 0.5)


def cohort(number: int, wins: int, losses: int, experiment: str = "trial-2") -> Cohort:
    """Of ten drawn disagreements in 100 products."""
    strata = (Stratum(10, wins, 10 - wins - losses, losses),)
    return Cohort(experiment, number, 100 * number, AT, 100, 20, strata)


class Stand:
    """A backstage of services without a service."""

    def __init__(self, tmp_path: Path) -> None:
        self.services = FakeServices(Settings(state=tmp_path))
        self.settings = self.services.settings

    def patiently(self, ask: Callable[[], Any]) -> Any:
        return ask()

    def decide(self, action: LedgerAction, version: int, **terms: Any) -> None:
        ledger = self.services.ledger
        key = f"entry {len(ledger.history())}"
        evidence = terms.pop("evidence", {})
        ledger.append(
            LedgerChange(key, action, version, "b" * 64, 1, "why", "who", AT, evidence, **terms)
        )

    def score(self, experiment: str, products: int) -> None:
        """Every second one differently."""
        for i in range(products):
            product = Product(f"p{i}", "title", "", None, AT)
            name = f"{experiment}-{i}"
            self.services.predictions.append(
                [Prediction(name, product, 1, Arm.CHAMPION, 1, (1.0,), "a", 1.0, AT)]
            )
            answers = ScoredAnswer("b" if i % 2 else "a", 0.9), ScoredAnswer("a", 0.9)
            score = ShadowScore(experiment, name, product, AT, *answers, 0.5)
            self.services.shadows.append([score])

    def reports(self) -> list[ComparisonReport]:
        history = self.services.ledger.history()
        return list(comparison_reports(cast(Backstage, self), history))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """Version 2 won its trial and is watched; nothing was scored in the watch yet."""
    stand = Stand(tmp_path)
    stand.decide(LedgerAction.PROMOTE, 1)
    stand.decide(LedgerAction.CHALLENGE, 2, share=0.4, shadow_share=1.0, label_probability=0.5)
    stand.score("trial-2", 40)
    for number in (1, 2):
        stand.services.shadows.close(cohort(number, wins=6, losses=2))
    words = {"experiment": "trial-2", "verdict": "promote"}
    terms = {"shadow_share": 1.0, "label_probability": 0.5}
    stand.decide(LedgerAction.PROMOTE, 2, evidence=words, **terms)
    return stand


def test_a_comparison_is_told_with_what_people_found(stand: Stand) -> None:
    (trial,) = stand.reports()
    assert (trial.kind, trial.version, trial.rival, trial.verdict) == ("trial", 2, 1, "promote")
    assert (trial.products, trial.disagreements) == (40, 20)
    assert (trial.labels, trial.wins, trial.ties, trial.losses) == (20, 12, 4, 4)
    assert trial.difference == pytest.approx(0.2 * 8 / 20)
    assert trial.difference_low < trial.difference < trial.difference_high


def test_a_watch_is_told_once_a_product_was_scored_in_it(stand: Stand) -> None:
    stand.score("watch-3", 4)
    _, watch = stand.reports()
    assert (watch.kind, watch.verdict, watch.cohorts) == ("watch", None, 0)
    assert watch.labels_to_decide is None


def test_a_look_after_every_cohort_decides_no_later_than_one_at_the_end() -> None:
    policy = trial_policy(Settings())
    bad = [cohort(number, wins=1, losses=8) for number in range(1, 9)]
    first = labels_to_decide(TRIAL, bad, policy)
    assert first is not None
    assert first % 10 == 0
    for end in range(1, 9):
        decided = labels_to_decide(TRIAL, bad[:end], policy)
        assert decided == (first if 10 * end >= first else None)


def test_a_watch_decides_later_than_a_trial_does() -> None:
    bad = [cohort(number, wins=1, losses=5) for number in range(1, 20)]
    watch = replace(TRIAL, kind=ComparisonKind.WATCH)
    settings = Settings()
    needed = [labels_to_decide(each, bad, policy_of(each, settings)) for each in (TRIAL, watch)]
    assert (needed[0] or inf) <= (needed[1] or inf) < inf


def test_what_each_rule_would_have_needed_is_told_of_decided_trials_only(stand: Stand) -> None:
    (trial,) = stand.reports()
    seen = [
        trial,
        replace(trial, kind="watch"),
        replace(trial, version=3, rival=2, verdict="rollback", wins=1, losses=15),
        replace(trial, version=4, verdict="continue"),
        replace(trial, version=5, verdict="guardrail"),
    ]
    policy = trial_policy(Settings())
    needed = list(needed_reports(seen, {1: 0.8, 2: 0.8}, policy, seed=1))
    assert [(each.version, each.decision) for each in needed] == [(2, "promote"), (3, "stop")]
    assert all(each.rules.keys() == RULES.keys() for each in needed)
    assert all((each.rules[REGAIN].labels or inf) <= 200 for each in needed)
