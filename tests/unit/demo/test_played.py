"""What is noted of the judge's decisions."""

from dataclasses import replace
from datetime import UTC, datetime

from ml.demo.accuracy import Stretch
from ml.demo.played import Played
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.rollouts import Champion, Comparison, ComparisonKind

AT = datetime(2026, 4, 1, tzinfo=UTC)
FIRST, SECOND, THIRD = (Champion(i, i, "b" * 64, 1, AT) for i in (1, 2, 3))


def comparison(candidate: Champion, kind: ComparisonKind = ComparisonKind.TRIAL) -> Comparison:
    return Comparison(kind, "experiment", candidate, FIRST, AT, 1.0, 0.5)


def entry(action: LedgerAction, version: int) -> LedgerEntry:
    change = LedgerChange("key", action, version, "b" * 64, 1, "as told", "judge_rollout", AT)
    return LedgerEntry(9, change, AT)


def played(stretches: int) -> Played:
    return Played(stretches=[Stretch(n, AT, AT, (), frozenset()) for n in range(stretches)])


def promoted(*, changed: bool = True) -> Played:
    """After five stretches version 2 was promoted."""
    loop = played(5)
    loop.judged(comparison(SECOND), entry(LedgerAction.PROMOTE, 2), changed=changed)
    return loop


def test_the_first_promotion_after_the_change_regains() -> None:
    loop = promoted()
    loop.stretches += played(2).stretches
    loop.judged(comparison(THIRD), entry(LedgerAction.PROMOTE, 3), changed=True)
    assert (loop.regained, list(loop.promotions)) == (5, [5, 7])
    assert promoted(changed=False).regained is None


def test_a_champion_that_its_watch_stops_has_regained_nothing() -> None:
    watch = comparison(SECOND, ComparisonKind.WATCH)
    for action, regained in (
        (LedgerAction.CONTINUE, 5),
        (LedgerAction.CONFIRM, 5),
        (LedgerAction.ROLLBACK, None),
    ):
        loop = promoted()
        loop.judged(watch, entry(action, 2), changed=True)
        assert loop.regained == regained


def test_the_sabotage_is_over_once_it_is_stopped() -> None:
    loop = promoted()
    loop.sabotage = entry(LedgerAction.CHALLENGE, 3)
    trial = replace(comparison(THIRD), baseline=SECOND)
    loop.judged(trial, entry(LedgerAction.CONTINUE, 3), changed=True)
    assert loop.rolled_back_after is None
    loop.judged(trial, entry(LedgerAction.ROLLBACK, 3), changed=True)
    assert (loop.rolled_back_after, loop.regained) == (5, 5)
