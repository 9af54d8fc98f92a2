"""Evaluate a bundle on rows it was not fitted on; every figure is weighted by 1 / inclusion."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.bundle import BundlePrediction, ModelBundle, ModelInput
from ml.stats.calibration import calibration_noise, expected_calibration_error
from ml.stats.weighting import accuracy, class_figures, confusion_matrix, macro_f1, weighted_f1
from ml.training.evaluation import ClassResult, Evaluation, Figures
from ml.training.rows import (
    PictureOf,
    class_indices,
    modality_probabilities,
    model_inputs,
    row_weights,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LATENCY_CALLS = 20


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What both bundles of a comparison are measured by.

    `label_space` knows every category of the rows and continues the bundles' own; `shared_classes`
    are those that both bundles know (all, when there is one bundle only). Recent rows were listed
    within `recent_days` before `as_of`.
    """

    label_space: LabelSpace
    shared_classes: tuple[str, ...]
    as_of: datetime
    recent_days: float
    confidence_threshold: float


def evaluate_bundles(
    bundles: Sequence[ModelBundle],
    rows: pa.Table,
    comparison: Comparison,
    *,
    picture_of: PictureOf,
    clock: Callable[[], float],
) -> list[Evaluation]:
    """Answer the same rows (snapshot columns) with each bundle; compare with their categories.

    Rows that no bundle can read are left out. One that some bundle can read counts as missed by
    those that can't, and a class that a bundle has never heard of counts as missed by it. `clock`
    gives seconds. Raises InvalidInput when no row is left or the label spaces don't fit.
    """
    for bundle in bundles:
        _check_spaces(bundle.label_space, comparison.label_space)
    answers = [
        bundle.fuse(*modality_probabilities(bundle.text, bundle.image, rows, picture_of))
        for bundle in bundles
    ]
    readable = [~np.isnan(answer.probabilities[:, 0]) for answer in answers]
    kept = np.logical_or.reduce(readable)
    if not kept.any():
        raise InvalidInput("no test rows to judge by; import a larger catalogue or post labels")
    judged, answers = rows.filter(pa.array(kept)), [answer.rows(kept) for answer in answers]
    evaluations = [
        evaluate_prediction(
            answer,
            judged,
            comparison,
            latency_ms=median_latency_ms(
                bundle,
                model_inputs(rows.filter(pa.array(mask)).slice(0, LATENCY_CALLS), picture_of),
                clock=clock,
            ),
        )
        for bundle, answer, mask in zip(bundles, answers, readable, strict=True)
    ]
    differing = _disagreement(answers, row_weights(judged))
    return [replace(evaluation, disagreement=differing) for evaluation in evaluations]


def _disagreement(answers: Sequence[BundlePrediction], weights: FloatArray) -> float:
    """Weighted share of rows that not all bundles answer alike; not to answer is an answer, too."""
    named = [
        np.where(np.isnan(each.probabilities[:, 0]), -1, each.probabilities.argmax(axis=1))
        for each in answers
    ]
    return float(np.average(np.any(named != named[0], axis=0), weights=weights))


def evaluate_prediction(
    prediction: BundlePrediction, rows: pa.Table, comparison: Comparison, *, latency_ms: float
) -> Evaluation:
    """The same of one bundle's answers. A row of NaN, which the bundle couldn't read, is missed."""
    space = comparison.label_space
    targets, weights = class_indices(rows, space), row_weights(rows)
    fused = _missed_where_unread(_widen(prediction.probabilities, space), targets)

    def figures(chosen: NDArray[np.bool_]) -> Figures:
        return _figures(fused[chosen], targets[chosen], weights[chosen])

    def modality(probabilities: FloatArray) -> Figures:
        had = ~np.isnan(probabilities[:, 0])
        return _figures(_widen(probabilities[had], space), targets[had], weights[had])

    recent = _listed_since(rows, comparison.as_of - timedelta(days=comparison.recent_days))
    confusion = _confusion(fused, targets, weights)
    return Evaluation(
        label_space=space,
        fused=figures(np.ones(len(targets), dtype=np.bool_)),
        shared=figures(_is_in(rows, comparison.shared_classes)),
        recent=figures(recent),
        text=modality(prediction.text),
        image=modality(prediction.image),
        classes=_class_results(confusion, targets, weights, space),
        confusion=confusion,
        low_confidence_share=low_confidence_share(
            fused, weights, threshold=comparison.confidence_threshold
        ),
        latency_ms=latency_ms,
    )


def low_confidence_share(
    probabilities: FloatArray, weights: FloatArray, *, threshold: float
) -> float:
    """Weighted share of the rows [n, K] whose largest probability is under the threshold.

    >>> p = np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> low_confidence_share(p, np.array([1.0, 3.0]), threshold=0.8)
    0.75
    """
    return float(np.average(probabilities.max(axis=1) < threshold, weights=weights))


def median_latency_ms(
    bundle: ModelBundle,
    inputs: Sequence[ModelInput],
    *,
    clock: Callable[[], float],
    calls: int = LATENCY_CALLS,
) -> float:
    """Median milliseconds of `calls` single-product predictions over the inputs, in turn.

    0 without inputs.
    """
    measured = latencies_ms(bundle, inputs, clock=clock, calls=calls)
    return median(measured) if measured else 0.0


def latencies_ms(
    bundle: ModelBundle,
    inputs: Sequence[ModelInput],
    *,
    clock: Callable[[], float],
    calls: int = LATENCY_CALLS,
) -> list[float]:
    """Milliseconds of each of these predictions; one before them pays for what is made once."""
    if not inputs:
        return []
    bundle.predict(inputs[:1])
    measured = []
    for item in islice(cycle(inputs), calls):
        start = clock()
        bundle.predict([item])
        measured.append(1000 * (clock() - start))
    return measured


def _check_spaces(own: LabelSpace, newest: LabelSpace) -> None:
    if newest.classes[: len(own)] != own.classes:
        raise InvalidInput(
            f"label space version {newest.version} does not continue the bundle's version "
            f"{own.version}; evaluate in the newest version"
        )


def _figures(probabilities: FloatArray, targets: IntArray, weights: FloatArray) -> Figures:
    confusion = _confusion(probabilities, targets, weights)
    confidences = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == targets
    return Figures(
        rows=len(targets),
        weighted_f1=weighted_f1(confusion),
        accuracy=accuracy(confusion),
        macro_f1=macro_f1(confusion),
        calibration_error=expected_calibration_error(confidences, correct, weights),
        calibration_noise=calibration_noise(confidences, weights),
    )


def _confusion(probabilities: FloatArray, targets: IntArray, weights: FloatArray) -> FloatArray:
    answers = probabilities.argmax(axis=1)
    return confusion_matrix(targets, answers, weights, classes=probabilities.shape[1])


def _class_results(
    confusion: FloatArray, targets: IntArray, weights: FloatArray, label_space: LabelSpace
) -> tuple[ClassResult, ...]:
    figures = class_figures(confusion)
    squares = np.bincount(targets, weights**2, minlength=len(label_space))
    effective = np.divide(
        figures.support**2, squares, out=np.zeros_like(squares), where=squares > 0
    )
    columns = (effective, figures.support, figures.precision, figures.recall, figures.f1)
    counts = np.bincount(targets, minlength=len(label_space)).tolist()
    return tuple(
        ClassResult(category, rows, *values)
        for category, rows, *values in zip(
            label_space.classes, counts, *(column.tolist() for column in columns), strict=True
        )
    )


def _missed_where_unread(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """Rows of NaN as a guess, the least sure there is, among all classes but the true one."""
    unread = np.flatnonzero(np.isnan(probabilities[:, 0]))
    result = probabilities.copy()
    result[unread] = 1 / max(1, probabilities.shape[1] - 1)
    result[unread, targets[unread]] = 0.0
    return result


def _widen(probabilities: FloatArray, label_space: LabelSpace) -> FloatArray:
    """Probabilities over the classes of a newer label space; 0 for those that are new."""
    new = len(label_space) - probabilities.shape[1]
    return np.pad(probabilities, ((0, 0), (0, new)))


def _is_in(rows: pa.Table, categories: Collection[str]) -> NDArray[np.bool_]:
    wanted = pa.array(categories, type=pa.string())
    mask: NDArray[np.bool_] = pc.is_in(rows["category"], value_set=wanted).to_numpy()
    return mask


def _listed_since(rows: pa.Table, start: datetime) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = pc.greater_equal(rows["listed_at"], pa.scalar(start)).to_numpy()
    return mask
