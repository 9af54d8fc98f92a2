import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ml.stats.weighting import (
    accuracy,
    class_figures,
    confusion_matrix,
    inverse_probability_weights,
    macro_f1,
    weighted_f1,
)

CLASSES = 4
rows = st.lists(
    st.tuples(
        st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1), st.sampled_from([1.0, 2.5, 20.0])
    ),
    min_size=1,
    max_size=40,
)


@given(rows)
def test_every_figure_is_that_of_scikit_learn_with_sample_weights(drawn):
    truth, answers, weights = (np.array(column) for column in zip(*drawn, strict=True))
    matrix = confusion_matrix(truth, answers, weights, classes=CLASSES)
    figures = class_figures(matrix)

    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, answers, labels=range(CLASSES), sample_weight=weights, zero_division=0
    )
    np.testing.assert_allclose(figures.precision, precision)
    np.testing.assert_allclose(figures.recall, recall)
    np.testing.assert_allclose(figures.f1, f1)
    np.testing.assert_allclose(figures.support, support)
    options = {"sample_weight": weights, "zero_division": 0}
    assert weighted_f1(matrix) == pytest.approx(
        metrics.f1_score(truth, answers, average="weighted", **options)
    )
    assert macro_f1(matrix) == pytest.approx(
        metrics.f1_score(truth, answers, average="macro", **options)
    )
    assert accuracy(matrix) == pytest.approx(
        metrics.accuracy_score(truth, answers, sample_weight=weights)
    )


def test_without_rows_every_figure_is_zero():
    empty = confusion_matrix(np.empty(0, int), np.empty(0, int), np.empty(0), classes=3)
    assert weighted_f1(empty) == macro_f1(empty) == accuracy(empty) == 0.0


def test_weights_undo_a_biased_choice():
    # 90 % of the products are easy (right), 10 % hard (half right); all hard ones are labelled, a
    # tenth of the easy ones. The plain accuracy of the labels is 0.736, the truth 0.95.
    truth = np.zeros(190, dtype=int)
    answers = np.r_[np.zeros(90, int), np.zeros(50, int), np.ones(50, int)]
    chosen_with = np.r_[np.full(90, 0.1), np.ones(100)]
    weights = inverse_probability_weights(chosen_with)
    assert accuracy(confusion_matrix(truth, answers, weights, classes=2)) == pytest.approx(0.95)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1, np.nan])
def test_an_impossible_inclusion_probability_is_refused(probability):
    with pytest.raises(ValueError, match="inclusion"):
        inverse_probability_weights(np.array([0.5, probability]))
