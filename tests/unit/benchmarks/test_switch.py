"""What the switch benchmark makes of the answers that its clients got."""

from datetime import UTC, datetime

import pytest

from benchmarks.load import Answer
from benchmarks.switch import AFTERMATH_SECONDS, Switch, stale_answers
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry

DECIDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Confidences of product 0 and 1, by version 1's model and by every later version's.
CONFIDENCES = [[0.9, 0.8], [0.5, 0.4]]


def rolled_back(version: int = 2) -> Switch:
    change = LedgerChange(
        key="rollback",
        action=LedgerAction.ROLLBACK,
        model_version=version,
        bundle_digest="",
        label_space_version=1,
        reason="test",
        actor="test",
        at=DECIDED,
    )
    return Switch(version, "challenger", LedgerEntry(3, change, DECIDED))


def answer(seconds: float, version: int, *, product: int = 0, says: int | None = None) -> Answer:
    """So long after the decision; `says` is the version whose model it in truth speaks for."""
    model = 0 if (says or version) == 1 else 1
    heard_at = DECIDED.timestamp() + seconds
    return Answer(heard_at, product, version, "champion", CONFIDENCES[model][product])


def test_a_switch_lasts_until_the_last_answer_of_the_version_that_went() -> None:
    answers = [answer(-1, 2), answer(0.2, 2), answer(0.1, 2), answer(0.9, 1), answer(0.8, 3)]
    assert rolled_back().milliseconds(answers) == pytest.approx(200, abs=0.1)


def test_a_version_that_gave_no_answer_after_its_rollback_was_gone_at_once() -> None:
    assert rolled_back().milliseconds([answer(-0.5, 2), answer(0.5, 1)]) == 0
    assert rolled_back().milliseconds([]) == 0


def test_answers_that_say_what_their_version_says_are_not_stale() -> None:
    answers = [answer(-1, 2, product=1), answer(0.5, 2), answer(0.6, 1), answer(9, 1, product=1)]
    assert stale_answers(answers, [rolled_back()], CONFIDENCES) == 0


@pytest.mark.parametrize(
    "stale",
    [
        answer(0.5, 1, says=2),
        answer(-0.5, 2, says=1),
        answer(AFTERMATH_SECONDS + 0.1, 2),
    ],
    ids=["the champion says what the other cached", "and the other way", "long rolled back"],
)
def test_a_stale_answer_is_counted(stale: Answer) -> None:
    assert stale_answers([answer(0.1, 1), stale], [rolled_back()], CONFIDENCES) == 1
