"""Classification figures in which every row counts for what it stands for.

Rows chosen with a known probability are weighted by its inverse (Horvitz and Thompson, "A
generalization of sampling without replacement from a finite universe", JASA 1952). All figures
come from one weighted confusion matrix and equal scikit-learn's with `sample_weight`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def inverse_probability_weights(inclusion_probabilities: FloatArray) -> FloatArray:
    """1 / inclusion probability, shape as given; raises ValueError outside (0, 1].

    >>> inverse_probability_weights(np.array([1.0, 0.25])).tolist()
    [1.0, 4.0]
    """
    if not ((inclusion_probabilities > 0) & (inclusion_probabilities <= 1)).all():
        raise ValueError("inclusion probabilities lie in (0, 1]")
    weights: FloatArray = 1.0 / inclusion_probabilities
    return weights


def confusion_matrix(
    targets: IntArray, predicted: IntArray, weights: FloatArray, *, classes: int
) -> FloatArray:
    """Weight of the rows by true class (first axis) and predicted class, [classes, classes].

    >>> confusion_matrix(np.array([0, 1]), np.array([1, 1]), np.array([1.0, 4.0]), classes=2)
    array([[0., 1.],
           [0., 4.]])
    """
    matrix = np.zeros((classes, classes))
    np.add.at(matrix, (targets, predicted), weights)
    return matrix


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Per-class figures, [K] each: `support` is the weight of the rows truly in the class.

    Precision, recall and F1 are 0 where they are undefined.
    """

    support: FloatArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def class_figures(confusion: FloatArray) -> ClassFigures:
    """Precision, recall and F1 of each class of a confusion matrix.

    >>> class_figures(np.array([[3.0, 1.0], [0.0, 4.0]])).f1.round(3).tolist()
    [0.857, 0.889]
    """
    hits, support, answers = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassFigures(
        support=support,
        precision=_ratio(hits, answers),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, support + answers),
    )


def accuracy(confusion: FloatArray) -> float:
    """Share of the weight on the diagonal; 0.0 without rows."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def weighted_f1(confusion: FloatArray) -> float:
    """Mean F1 of the classes by their support; 0.0 without rows.

    >>> round(weighted_f1(np.array([[3.0, 1.0], [0.0, 4.0]])), 4)
    0.873
    """
    figures = class_figures(confusion)
    return float(_ratio(figures.f1 @ figures.support, figures.support.sum()))


def macro_f1(confusion: FloatArray) -> float:
    """Plain mean F1 of the classes that occur as truth or as an answer; 0.0 without rows."""
    occurring = (confusion.sum(axis=1) + confusion.sum(axis=0)) > 0
    return float(class_figures(confusion).f1[occurring].mean()) if occurring.any() else 0.0


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    zeros = np.zeros(np.broadcast(numerator, denominator).shape)
    return np.divide(numerator, denominator, out=zeros, where=np.asarray(denominator) > 0)
