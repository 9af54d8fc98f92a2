"""Nobody reviews before everything that was answered and scored is stored."""

import threading
from pathlib import Path
from typing import cast

import pytest

from ml.demo import written
from ml.demo.backstage import Backstage
from ml.demo.written import scored_products, wait_until_written
from ml.domain.decisions import LedgerAction
from ml.domain.rollouts import Rollout
from tests.unit.demo.test_comparisons import Stand


class Working(Stand):
    """A backstage whose workers go on scoring for a while."""

    def rollout(self) -> Rollout:
        return self.services.ledger.rollout()


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Working:
    """A trial is on."""
    monkeypatch.setattr(written, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(written, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(written, "LONGEST_SECONDS", 3.0)
    working = Working(tmp_path)
    working.decide(LedgerAction.PROMOTE, 1)
    working.decide(LedgerAction.CHALLENGE, 2, share=0.4, shadow_share=1.0, label_probability=0.5)
    return working


def test_scores_that_still_come_are_waited_for(stand: Working) -> None:
    stand.score("trial-2", 2)

    def finish() -> None:
        for products in range(3, 13):
            stand.score("trial-2", products)

    late = threading.Timer(0.05, finish)
    late.start()
    backstage = cast(Backstage, stand)
    wait_until_written(backstage, answers=12)
    late.join()
    assert scored_products(backstage, "trial-2") == (12, 6)


def test_predictions_that_never_come_are_given_up(
    stand: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "LONGEST_SECONDS", 0.1)
    wait_until_written(cast(Backstage, stand), answers=5)
    assert stand.services.predictions.count() == 0
