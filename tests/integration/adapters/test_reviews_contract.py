"""The contract of ReviewQueue."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.domain.errors import InvalidInput
from ml.domain.labels import settled_category
from ml.domain.predictions import ReviewItem, SelectionReason
from tests.examples import (
    CLASSES,
    a_label,
    a_prediction,
    a_product,
    a_review_label,
    a_shadow_score,
    day,
)
from tests.fakes import FakeServices

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


def asked_twice(number, reason=AUDIT, **changes):
    """A prediction that two people are asked about."""
    prediction = a_prediction(number, reasons=[reason], **changes)
    (selection,) = prediction.selections
    return replace(prediction, selections=(replace(selection, reviews=2),))


def vote(stores, prediction, reviewer, category="books", **changes):
    label = a_review_label(prediction, reviewer=reviewer, category=category, **changes)
    return stores.labels.append([label])


def test_a_second_review_is_by_somebody_else(labelled):
    prediction = asked_twice(1)
    labelled.predictions.append([prediction])
    assert take(labelled, "ana").prediction_id == "prediction-1"
    assert take(labelled, "bob") is None, "she looks at it"
    vote(labelled, prediction, "ana")
    assert labelled.reviews.waiting() == 1
    assert take(labelled, "ana") is None
    assert take(labelled, "bob").prediction_id == "prediction-1", "her vote ended her lease"
    vote(labelled, prediction, "bob")
    assert labelled.reviews.waiting() == 0
    assert take(labelled, "eva") is None


def test_a_third_adjudicates_where_two_differ(labelled):
    prediction = asked_twice(1)
    labelled.predictions.append([prediction])
    vote(labelled, prediction, "ana", "books")
    vote(labelled, prediction, "bob", "games")
    assert labelled.reviews.waiting() == 1
    assert [take(labelled, reviewer) for reviewer in ("ana", "bob")] == [None, None]
    assert take(labelled, "eva").prediction_id == "prediction-1"
    vote(labelled, prediction, "eva", "pools")
    assert labelled.reviews.waiting() == 0
    assert take(labelled, "joe") is None


def test_a_reviewer_who_votes_again_is_one_voter_by_the_latest_vote(labelled):
    prediction = asked_twice(1)
    labelled.predictions.append([prediction])
    assert vote(labelled, prediction, "ana", "books") == 1
    assert vote(labelled, prediction, "ana", "books") == 0
    vote(labelled, prediction, "ana", "games", labelled_at=day(5))
    assert labelled.reviews.waiting() == 1
    vote(labelled, prediction, "bob", "games", labelled_at=day(4))
    assert labelled.reviews.waiting() == 0
    vote(labelled, prediction, "bob", "pools", labelled_at=day(6))
    assert labelled.reviews.waiting() == 1, "they differ now"


def test_a_disagreement_is_for_fresh_eyes(labelled):
    prediction = a_prediction(1, reasons=[AUDIT])
    labelled.predictions.append([prediction])
    vote(labelled, prediction, "ana")
    assert labelled.reviews.waiting() == 0
    drawn_at = day(3)
    score = a_shadow_score(1, drawn=True, scored_at=drawn_at)
    labelled.shadows.append([score])
    assert labelled.reviews.waiting() == 1
    assert take(labelled, "ana").prediction_id == "prediction-1", "her earlier vote is forgotten"
    vote(labelled, prediction, "bob", labelled_at=drawn_at - timedelta(microseconds=1))
    assert labelled.reviews.waiting() == 1
    vote(labelled, prediction, "ana", labelled_at=drawn_at)
    assert labelled.reviews.waiting() == 0


def test_one_label_serves_every_selection_of_a_product(labelled):
    """An audit of one prediction, a disagreement on another; the label names either."""
    product = a_product(9)
    first = a_prediction(1, reasons=[AUDIT, DOUBTFUL], product=product)
    second = a_prediction(2, product=product)
    labelled.predictions.append([first, second])
    labelled.shadows.append([a_shadow_score(2, product=product, drawn=True)])
    assert labelled.reviews.waiting() == 1, "one product"
    vote(labelled, first, "ana", labelled_at=day(4))
    assert labelled.reviews.waiting() == 0


def test_the_selection_that_needs_most_keeps_a_product_waiting(labelled):
    product = a_product(9)
    once, twice = a_prediction(1, reasons=[AUDIT], product=product), asked_twice(2, product=product)
    labelled.predictions.append([once, twice])
    vote(labelled, once, "ana")
    assert labelled.reviews.waiting() == 1
    assert take(labelled, "bob").prediction_id == "prediction-2"


VOTES = st.lists(
    st.tuples(
        st.sampled_from(["ana", "bob", "eva", "joe"]),
        st.sampled_from(CLASSES),
        st.integers(-2, 9),  # days from the draw on
    ),
    max_size=6,
)


@pytest.mark.integration
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_queue_waits_as_long_as_a_product_is_not_settled(real_stores, data):
    """The one rule of `settled_category`, in SQL and in the fake."""
    fake, name = FakeServices(), f"p{uuid4()}"
    reviews, votes = data.draw(st.integers(1, 2)), data.draw(VOTES)
    disagreement = data.draw(st.booleans())
    reason = SelectionReason.DISAGREEMENT if disagreement else AUDIT
    prediction = a_prediction(reasons=[reason], product=a_product(product_id=name))
    (selection,) = prediction.selections
    selection = replace(selection, prediction_id=name, reviews=reviews)
    prediction = replace(prediction, prediction_id=name, selections=(selection,))
    given_ = [
        a_review_label(prediction, reviewer=who, category=what, labelled_at=day(at))
        for who, what, at in votes
    ]
    counted = sorted(
        (label for label in given_ if not disagreement or label.labelled_at >= day(0)),
        key=lambda label: (label.labelled_at, label.label_id),
    )
    settled = settled_category(
        [(each.reviewer, each.category) for each in counted], reviews=reviews
    )
    for stores in (fake, real_stores):
        before = stores.reviews.waiting()
        stores.label_spaces.extend(CLASSES, cause="import", at=day(0))
        stores.predictions.append([prediction])
        stores.labels.append(given_)
        assert stores.reviews.waiting() - before == (settled is None)
