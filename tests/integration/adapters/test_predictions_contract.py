"""The contract of PredictionLog."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone

import numpy as np
import pytest

from ml.domain.errors import InvalidInput, NotFound
from ml.domain.predictions import Arm, SelectionReason
from tests.examples import a_label, a_prediction, a_product, day


def test_a_prediction_comes_back_as_it_was(stores):
    prediction = a_prediction(
        7,
        reasons=list(SelectionReason),
        product=a_product(7, picture="ab" * 32),
        arm=Arm.CHALLENGER,
        probabilities=(0.1, 0.7, 0.2 - 1e-16),
    )
    assert stores.predictions.append([a_prediction(1), prediction]) == 2
    assert stores.predictions.get("prediction-7") == prediction
    assert stores.predictions.get("prediction-1") == a_prediction(1)


def test_a_selection_keeps_how_many_are_asked(stores):
    prediction = a_prediction(reasons=[SelectionReason.AUDIT])
    (selection,) = prediction.selections
    prediction = replace(prediction, selections=(replace(selection, reviews=2),))
    stores.predictions.append([prediction])
    assert stores.predictions.get(prediction.prediction_id) == prediction


def test_a_prediction_keeps_its_trial_and_its_signals(stores):
    prediction = a_prediction(experiment="trial-3", signals={"words": 3.0, "blur": 0.1 + 0.2})
    stores.predictions.append([prediction, a_prediction(1, experiment=None, signals={})])
    assert stores.predictions.get(prediction.prediction_id) == prediction
    assert stores.predictions.get("prediction-1") == a_prediction(1)


def test_signals_without_a_finite_value_are_left_out(stores):
    signals = {"a": float("nan"), "b": float("inf"), "c": np.float32(0.5)}
    prediction = a_prediction(signals=signals)
    stores.predictions.append([prediction])
    assert stores.predictions.get(prediction.prediction_id).signals == {"c": 0.5}


def test_numbers_of_numpy_are_numbers(stores):
    probabilities = tuple(np.array([0.1, 0.7, 0.2]))
    prediction = a_prediction(probabilities=probabilities, confidence=probabilities[1])
    stores.predictions.append([prediction])
    assert stores.predictions.get(prediction.prediction_id) == prediction


def test_only_new_predictions_count(stores):
    log = stores.predictions
    assert log.append([]) == 0
    assert log.append([a_prediction(1), a_prediction(1), a_prediction(2)]) == 2
    assert log.append([a_prediction(number) for number in (1, 2, 3)]) == 1
    assert log.count() == 3


def test_a_known_id_stays_as_it_is_even_a_month_later(stores):
    first = a_prediction(1, reasons=[SelectionReason.AUDIT])
    later = replace(first, predicted_at=day(40), category="pools", selections=())
    assert stores.predictions.append([first]) == 1
    assert stores.predictions.append([later]) == 0
    assert stores.predictions.get(first.prediction_id) == first
    assert stores.predictions.count() == 1


def test_the_first_of_equal_ids_in_one_batch_stays(stores):
    first, second = a_prediction(1), a_prediction(1, category="pools")
    assert stores.predictions.append([first, second]) == 1
    assert stores.predictions.get(first.prediction_id) == first


def test_any_month_can_be_written(stores):
    """The last moment of a year, seen from a zone where the next one has begun, and far years."""
    east = timezone(timedelta(hours=9))
    times = [day(0) - timedelta(microseconds=1), day(0).astimezone(east), day(-20_000), day(90_000)]
    predictions = [a_prediction(i, predicted_at=at) for i, at in enumerate(times)]
    assert stores.predictions.append(predictions) == 4
    assert [stores.predictions.get(each.prediction_id) for each in predictions] == predictions


def test_an_unknown_id_is_not_found(stores):
    with pytest.raises(NotFound, match="'nobody'"):
        stores.predictions.get("nobody")


def test_the_product_of_a_prediction_can_be_labelled(labelled):
    prediction = a_prediction()
    labelled.predictions.append([prediction])
    assert labelled.labels.append([a_label(prediction.product)]) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction_id": "a\0"}, "prediction_id contains a NUL"),
        ({"product": a_product(title="a\0")}, "title contains a NUL"),
        ({"product": a_product(description="\udfff")}, "description contains a lone surrogate"),
        ({"experiment": "a\0"}, "experiment contains a NUL"),
        ({"signals": {"a\0": 1.0}}, "signals contains a NUL"),
        ({"predicted_at": day(0).replace(tzinfo=None)}, "predicted_at"),
    ],
)
def test_one_bad_prediction_stores_none(stores, changes, message):
    with pytest.raises(InvalidInput, match=message):
        stores.predictions.append([a_prediction(1), a_prediction(2, **changes)])
    assert stores.predictions.count() == 0


def test_a_nul_byte_in_a_look_up_is_refused(stores):
    with pytest.raises(InvalidInput, match="prediction_id"):
        stores.predictions.get("a\0")


def test_simultaneous_writers_of_overlapping_batches_double_nothing(stores):
    """Every prediction is in three batches, in another order each time, over a fresh month each."""
    batches = [[a_prediction((i + j) % 40) for j in range(30, 0, -1)] for i in range(0, 40, 10)]
    batches += [batch[::-1] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        new = sum(pool.map(stores.predictions.append, batches))
    assert new == stores.predictions.count() == 40
