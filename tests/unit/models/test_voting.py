import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.models.voting import sharpen, soft_vote

ROWS = arrays(np.float64, (4, 5), elements=st.floats(1e-6, 1)).map(
    lambda rows: rows / rows.sum(axis=1, keepdims=True)
)
EXPONENTS = st.floats(1, 5)


@given(ROWS, EXPONENTS)
def test_sharpening_keeps_distributions_their_order_and_strengthens_the_favourite(rows, exponent):
    sharpened = sharpen(rows, exponent)
    np.testing.assert_allclose(sharpened.sum(axis=1), 1)
    np.testing.assert_array_equal(
        np.take_along_axis(sharpened, rows.argmax(axis=1)[:, None], axis=1)[:, 0],
        sharpened.max(axis=1),
    )
    assert (sharpened.max(axis=1) >= rows.max(axis=1) - 1e-12).all()


def test_sharpening_by_one_changes_nothing_and_zero_stays_zero():
    rows = np.array([[0.5, 0.5, 0.0], [1e-200, 1 - 1e-200, 0.0]])
    np.testing.assert_allclose(sharpen(rows, 1), rows)
    assert (sharpen(rows, 3)[:, 2] == 0).all()


def test_sharpening_many_small_probabilities_stays_finite():
    rows = np.full((1, 1000), 1 / 1000)
    np.testing.assert_allclose(sharpen(rows, 200), rows)


@given(ROWS, ROWS, st.floats(0, 1))
def test_a_vote_is_a_distribution_between_its_members(one, other, weight):
    vote = soft_vote([one, other], [weight, 1 - weight], [1, 1])
    np.testing.assert_allclose(vote.sum(axis=1), 1)
    assert (vote <= np.maximum(one, other) + 1e-12).all()
    assert (vote >= np.minimum(one, other) - 1e-12).all()


def test_a_sharpened_member_weighs_more_where_it_is_sure():
    sure, unsure = np.array([[0.8, 0.2]]), np.array([[0.4, 0.6]])
    plain = soft_vote([sure, unsure], [0.5, 0.5], [1, 1])
    sharpened = soft_vote([sure, unsure], [0.5, 0.5], [3, 3])
    assert sharpened[0, 0] > plain[0, 0]
