"""The contract of ReviewQueue."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ml.domain.errors import InvalidInput
from ml.domain.predictions import ReviewItem, SelectionReason
from tests.examples import a_label, a_prediction, a_product, a_review_label

AUDIT, DOUBTFUL = SelectionReason.AUDIT, SelectionReason.LOW_CONFIDENCE


@pytest.fixture
def waiting(labelled):
    """Three selected predictions, written out of order, and one that nobody is asked about."""
    chosen = [a_prediction(1, reasons=[AUDIT, DOUBTFUL])]
    chosen += [a_prediction(number, reasons=[AUDIT]) for number in (2, 3)]
    labelled.predictions.append([chosen[2], a_prediction(0), chosen[0], chosen[1]])
    return chosen


def take(stores, reviewer="ana", lease_seconds=60.0):
    return stores.reviews.next(reviewer, lease_seconds=lease_seconds)


def test_nothing_waits_at_first(labelled):
    assert take(labelled) is None
    assert labelled.reviews.waiting() == 0


def test_the_oldest_comes_first_and_each_goes_to_one_reviewer(labelled, waiting):
    taken = [take(labelled, reviewer) for reviewer in ("ana", "bob", "ana", "bob")]
    expected = [ReviewItem(each.prediction_id, each.product) for each in waiting]
    assert taken == [*expected, None]
    assert labelled.reviews.waiting() == 3


def test_an_ended_lease_makes_the_product_wait_again(labelled, waiting):
    assert take(labelled, "ana", lease_seconds=0) == take(labelled, "bob", lease_seconds=60)
    assert take(labelled, "cid").prediction_id == "prediction-2"


def test_a_reviewed_product_is_done(labelled, waiting):
    labelled.labels.append([a_review_label(waiting[0])])
    assert labelled.reviews.waiting() == 2
    assert take(labelled).prediction_id == "prediction-2"


def test_an_imported_label_leaves_a_review_open(labelled, waiting):
    labelled.labels.append([a_label(waiting[0].product)])
    assert labelled.reviews.waiting() == 3


def test_two_predictions_of_one_product_are_not_with_two_reviewers(labelled):
    first, second = (
        replace(a_prediction(number, reasons=[AUDIT]), product=a_product(9)) for number in (1, 2)
    )
    labelled.predictions.append([first, second])
    assert take(labelled, "ana").prediction_id == first.prediction_id
    assert take(labelled, "bob") is None
    labelled.labels.append([a_review_label(first)])
    assert labelled.reviews.waiting() == 0


def test_a_product_that_was_edited_since_its_label_is_asked_about_again(labelled):
    old, new = (
        a_prediction(number, reasons=[AUDIT], product=a_product(9, title=title))
        for number, title in ((1, "old"), (2, "new"))
    )
    labelled.predictions.append([old, new])
    labelled.labels.append([a_review_label(old)])
    assert labelled.reviews.waiting() == 1
    assert take(labelled, "ana").prediction_id == new.prediction_id


def test_a_reviewer_sees_the_revision_that_was_predicted(labelled):
    old = a_prediction(1, reasons=[AUDIT], product=a_product(1, title="old"))
    labelled.predictions.append([old])
    labelled.labels.append([], [a_product(1, title="new")])
    assert take(labelled).product.title == "old"


def test_a_nul_byte_in_the_reviewer_is_refused(labelled):
    with pytest.raises(InvalidInput, match="reviewer"):
        take(labelled, "a\0")


def test_simultaneous_reviewers_never_share_a_product(labelled):
    predictions = [a_prediction(number, reasons=[AUDIT]) for number in range(20)]
    labelled.predictions.append(predictions)
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda number: take(labelled, f"r{number}"), range(24)))
    given = [item.prediction_id for item in taken if item]
    assert sorted(given) == sorted(each.prediction_id for each in predictions)
