"""What the second reviews of a report's products say."""

import pytest

from ml.rollout.agreement import agreement_of


def row(*votes: tuple[str, str]) -> dict[str, object]:
    return {"votes": [{"reviewer": who, "category": category} for who, category in votes]}


def test_the_first_two_reviewers_are_compared_by_their_last_word() -> None:
    agreement = agreement_of(
        [
            row(("ana", "books"), ("ben", "books")),
            row(("ana", "books"), ("ben", "games"), ("ana", "games")),
            row(("ana", "books"), ("ben", "games"), ("eva", "games")),
            row(("ana", "books"), ("ana", "games")),
            row(),
        ],
        classes=3,
    )
    assert agreement.share.labels == 3
    assert agreement.share.value == pytest.approx(2 / 3)
    assert agreement.error == pytest.approx(0.1945, abs=1e-3)
    assert agreement.label_inflation == pytest.approx(2.69, abs=0.01)


def test_without_second_reviews_the_error_is_unknown() -> None:
    agreement = agreement_of([row(("ana", "books"))], classes=3)
    assert (agreement.share.labels, agreement.error, agreement.label_inflation) == (0, None, None)
