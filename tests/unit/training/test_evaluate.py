from dataclasses import replace
from datetime import timedelta
from itertools import accumulate, cycle

import numpy as np
import pytest
from sklearn import metrics

from ml.domain.errors import InvalidInput
from ml.domain.labels import LabelSpace
from ml.models.bundle import BundlePrediction, ModelInput
from ml.training.evaluate import (
    LATENCY_CALLS,
    Comparison,
    evaluate_bundles,
    evaluate_prediction,
    median_latency_ms,
)
from tests.unit.training.answers import SpokenPictures, bundle, spoken
from tests.unit.training.catalogue import SPACE, START, catalogue, row, table

AS_OF = START + timedelta(days=100)
COMPARISON = Comparison(
    label_space=SPACE,
    shared_classes=SPACE.classes,
    as_of=AS_OF,
    recent_days=30,
    confidence_threshold=0.8,
)
NAN = [np.nan] * 3
NO_PICTURES = {}.__getitem__


def ticking(*seconds: float):
    """A clock of which every second reading is later by the next of these seconds."""
    steps = cycle(step for second in seconds for step in (0.0, second))
    return accumulate(steps).__next__


def prediction(fused, text=None, image=None) -> BundlePrediction:
    fused = np.array(fused, dtype=float)
    missing = np.full_like(fused, np.nan)
    return BundlePrediction(
        fused,
        fused if text is None else np.array(text, dtype=float),
        missing if image is None else np.array(image, dtype=float),
    )


def evaluate(answers, rows, comparison=COMPARISON):
    return evaluate_prediction(answers, table(rows), comparison, latency_ms=1.0)


def sure(index: int, confidence: float = 0.9) -> list[float]:
    rest = (1 - confidence) / 2
    return [confidence if i == index else rest for i in range(3)]


def test_figures_are_weighted_by_what_each_row_stands_for():
    rng = np.random.default_rng(1)
    rows = [
        row(f"p{i:02}", SPACE.classes[i % 3], inclusion_probability=[1.0, 0.1][i % 2])
        for i in range(60)
    ]
    fused = rng.dirichlet(np.ones(3), 60)
    figures = evaluate(prediction(fused), rows).fused
    truth, answers = np.arange(60) % 3, fused.argmax(axis=1)
    options = {"sample_weight": np.tile([1.0, 10.0], 30)}
    assert figures.rows == 60
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(truth, answers, **options))
    for name in ("weighted", "macro"):
        expected = metrics.f1_score(truth, answers, average=name, **options)
        assert getattr(figures, f"{name}_f1") == pytest.approx(expected)


def test_each_modality_is_judged_on_the_rows_that_have_it():
    rows = [row("a", "books"), row("b", "games"), row("c", "garden")]
    result = evaluate(
        prediction(
            [sure(0), sure(1), sure(2)], text=[sure(0), sure(0), NAN], image=[NAN, NAN, sure(2)]
        ),
        rows,
    )
    assert (result.fused.rows, result.fused.accuracy) == (3, 1.0)
    assert (result.text.rows, result.text.accuracy) == (2, 0.5)
    assert (result.image.rows, result.image.accuracy) == (1, 1.0)


def test_a_modality_that_no_row_has_is_all_zero():
    result = evaluate(prediction([sure(0)]), [row("a", "books")])
    assert set(vars(result.image).values()) == {0}


def test_a_row_that_could_not_be_read_is_missed_without_confidence():
    rows = [row("a", "books"), row("b", "games")]
    result = evaluate(prediction([sure(0), NAN]), rows)
    assert (result.fused.rows, result.fused.accuracy) == (2, 0.5)
    assert [each.recall for each in result.classes][:2] == [1.0, 0.0]
    assert result.low_confidence_share == 0.5


def test_bundles_are_judged_on_the_same_rows():
    """What one can't read it missed; what none can read is left out."""
    pictures = {"says games": spoken(0.0, 1.0, 0.0)}
    rows = catalogue(40, seed=9, noise=0.0).to_pylist()
    rows += [row("q", "games", title="", picture="says games"), row("r", "games", title="")]
    reads_both, reads_text = evaluate_bundles(
        [bundle(image=SpokenPictures()), bundle()],
        table(rows),
        COMPARISON,
        picture_of=pictures.__getitem__,
        clock=ticking(1),
    )
    assert reads_both.fused.rows == reads_text.fused.rows == 41
    missed = reads_both.fused.accuracy - reads_text.fused.accuracy
    assert missed == pytest.approx(1 / 41)
    assert reads_both.disagreement == reads_text.disagreement == pytest.approx(1 / 41)


def test_recent_rows_are_those_listed_lately():
    rows = [
        row("a", "books", listed_at=AS_OF - timedelta(days=30)),
        row("b", "games", listed_at=AS_OF - timedelta(days=30, seconds=1)),
    ]
    result = evaluate(prediction([sure(0), sure(0)]), rows)
    assert (result.recent.rows, result.recent.accuracy) == (1, 1.0)
    assert (result.fused.rows, result.fused.accuracy) == (2, 0.5)


def test_a_class_the_bundle_never_heard_of_is_missed_on_all_and_absent_from_shared():
    comparison = replace(COMPARISON, label_space=SPACE.extend(["animals"]))
    rows = [row("a", "books"), row("b", "animals")]
    result = evaluate(prediction([sure(0), sure(0)]), rows, comparison)
    assert (result.fused.rows, result.fused.accuracy) == (2, 0.5)
    assert (result.shared.rows, result.shared.accuracy) == (1, 1.0)
    assert result.confusion[3].tolist() == [1, 0, 0, 0]
    assert [(each.category, each.recall) for each in result.classes][-1] == ("animals", 0.0)


def test_classes_and_confusion_follow_the_label_space():
    rows = [row("a", "books", inclusion_probability=0.5), row("b", "garden"), row("c", "garden")]
    result = evaluate(prediction([sure(0), sure(2), sure(0)]), rows)
    assert result.confusion.tolist() == [[2, 0, 0], [0, 0, 0], [1, 0, 1]]
    books = result.class_report()[0]
    assert books == {
        "category": "books",
        "rows": 1,
        "effective_rows": 1.0,
        "support": 2.0,
        "precision": pytest.approx(2 / 3),
        "recall": 1.0,
        "f1": pytest.approx(0.8),
    }


def test_low_confidence_is_a_weighted_share():
    rows = [row("a", "books", inclusion_probability=0.25), row("b", "books")]
    result = evaluate(prediction([sure(0, 0.7), sure(0, 0.8)]), rows)
    assert result.low_confidence_share == 0.8


def test_overconfidence_shows_in_the_calibration_error():
    rows = [row(f"p{i:02}", "books") for i in range(40)]
    wrong_half = [sure(i % 2, 0.95) for i in range(40)]
    figures = evaluate(prediction(wrong_half), rows).fused
    assert figures.calibration_error == pytest.approx(0.45)
    assert figures.calibration_noise < 0.05


def test_metrics_are_flat_numbers_under_plain_names():
    found = evaluate(prediction([sure(0)]), [row("a", "books")]).metrics()
    assert found["fused_weighted_f1"] == found["text_accuracy"] == 1.0
    assert not any(name.startswith("image_") for name in found)  # it has none
    assert found["latency_ms"] == 1.0
    assert all(type(value) is float and name.isidentifier() for name, value in found.items())


def test_a_bundle_is_judged_by_its_own_answers():
    pictures = {"says games": spoken(0.0, 1.0, 0.0)}
    rows = catalogue(100, seed=9, noise=0.0).to_pylist()
    rows += [row("q", "games", title="", picture="says games")]
    (result,) = evaluate_bundles(
        [bundle(image=SpokenPictures())],
        table(rows),
        COMPARISON,
        picture_of=pictures.__getitem__,
        clock=ticking(0.004),
    )
    assert result.fused.rows == 101
    assert result.text.rows == 100
    assert (result.image.rows, result.image.accuracy) == (1, 1.0)
    assert result.fused.weighted_f1 > 0.95
    assert result.latency_ms == pytest.approx(4)


@pytest.mark.parametrize("rows", [[], [row("a", "books", title="")]])
def test_nothing_to_judge_by_is_an_error_with_a_remedy(rows):
    with pytest.raises(InvalidInput, match="import"):
        evaluate_bundles(
            [bundle()], table(rows), COMPARISON, picture_of=NO_PICTURES, clock=ticking(1)
        )


def test_a_label_space_that_does_not_continue_the_bundles_is_refused():
    other = replace(COMPARISON, label_space=LabelSpace(2, ("games", "books", "garden")))
    with pytest.raises(InvalidInput, match="does not continue"):
        evaluate_bundles(
            [bundle()], catalogue(5, seed=1), other, picture_of=NO_PICTURES, clock=ticking(1)
        )


def test_latency_is_the_median_of_single_calls_without_the_first():
    calls = []

    class Counting:
        def predict(self, inputs):
            calls.append(len(inputs))

    inputs = [ModelInput(f"title {i}", "", None) for i in range(3)]
    latency = median_latency_ms(Counting(), inputs, clock=ticking(0.001, 0.001, 0.5))
    assert latency == pytest.approx(1)
    assert calls == [1] * (LATENCY_CALLS + 1)
