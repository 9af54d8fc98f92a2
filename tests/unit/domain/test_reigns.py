from datetime import UTC, datetime, timedelta

from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.predictions import Arm
from ml.domain.reigns import Reign, reigns_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return NOON + timedelta(days=number)


def entries(*steps: tuple[LedgerAction, int]) -> list[LedgerEntry]:
    """A step a day; entry 1 is of day 1."""
    return [
        LedgerEntry(
            number,
            LedgerChange(
                key=f"key-{number}",
                action=action,
                model_version=version,
                bundle_digest=f"bundle-{version}",
                label_space_version=1,
                reason="why",
                actor="anna",
                at=day(number),
                share=0.1 if action is LedgerAction.CHALLENGE else None,
            ),
            day(number),
        )
        for number, (action, version) in enumerate(steps, 1)
    ]


def test_a_promotion_ends_the_reign_and_the_trial_and_begins_another() -> None:
    history = entries(
        (LedgerAction.PROMOTE, 1), (LedgerAction.CHALLENGE, 2), (LedgerAction.PROMOTE, 2)
    )
    assert reigns_of(history) == [
        Reign(1, Arm.CHAMPION, day(1), 1, day(3), 3),
        Reign(2, Arm.CHALLENGER, day(2), 2, day(3), 3),
        Reign(2, Arm.CHAMPION, day(3), 3),
    ]


def test_a_rollback_begins_a_new_reign_of_the_former_champion() -> None:
    history = entries(
        (LedgerAction.PROMOTE, 1), (LedgerAction.PROMOTE, 2), (LedgerAction.ROLLBACK, 2)
    )
    assert reigns_of(history)[1:] == [
        Reign(2, Arm.CHAMPION, day(2), 2, day(3), 3),
        Reign(1, Arm.CHAMPION, day(3), 3),
    ]


def test_what_changes_nothing_and_a_confirmation_end_no_reign() -> None:
    history = entries(
        (LedgerAction.PROMOTE, 1),
        (LedgerAction.REFUSE, 2),
        (LedgerAction.CONTINUE, 3),
        (LedgerAction.CONFIRM, 1),
    )
    assert reigns_of(history) == [Reign(1, Arm.CHAMPION, day(1), 1)]
    assert reigns_of([]) == []
