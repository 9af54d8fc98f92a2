import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.comparisons import ScoredAnswer, ShadowScore
from ml.domain.errors import InvalidInput
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.serving.records import Record, decode, encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
UNIT = st.floats(0, 1)
TIMES = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
)


PRODUCTS = st.builds(Product, TEXTS, TEXTS, TEXTS, st.none() | st.just("a" * 64), TIMES)
ANSWERS = st.builds(
    ScoredAnswer, st.none() | TEXTS, UNIT, st.none() | st.floats(0, 1e6, exclude_min=True)
)


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    prediction_id = draw(st.uuids()).hex
    return Prediction(
        prediction_id=prediction_id,
        product=draw(PRODUCTS),
        model_version=draw(st.integers(1, 10**6)),
        arm=draw(st.sampled_from(Arm)),
        label_space_version=draw(st.integers(1, 100)),
        probabilities=tuple(draw(st.lists(UNIT, min_size=1, max_size=30))),
        category=draw(TEXTS),
        confidence=draw(UNIT),
        predicted_at=draw(TIMES),
        selections=tuple(draw(st.lists(selections(prediction_id), max_size=2))),
        experiment=draw(st.none() | st.just("trial-7")),
        signals=draw(st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False))),
    )


def selections(prediction_id: str) -> st.SearchStrategy[ReviewSelection]:
    reasons = st.sampled_from(SelectionReason)
    return st.builds(
        ReviewSelection, st.just(prediction_id), reasons, UNIT, UNIT, st.integers(1, 2)
    )


@st.composite
def scores(draw: st.DrawFn) -> ShadowScore:
    prediction_id = draw(st.uuids()).hex
    return ShadowScore(
        experiment=draw(st.sampled_from(["trial-7", "watch-12"])),
        prediction_id=prediction_id,
        product=draw(PRODUCTS),
        scored_at=draw(TIMES),
        candidate=draw(ANSWERS),
        baseline=draw(ANSWERS),
        label_probability=draw(UNIT),
        selection=draw(st.none() | selections(prediction_id)),
    )


@given(predictions() | scores())
def test_a_line_gives_the_same_record_back(record: Record) -> None:
    line = encode(record)
    assert decode(line) == record
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@given(predictions() | scores(), st.integers(1, 40))
def test_no_torn_line_passes_for_a_record(record: Record, missing: int) -> None:
    with pytest.raises(InvalidInput):
        decode(encode(record)[: -1 - missing])


@given(predictions())
def test_a_line_of_a_program_without_trials_is_read(prediction: Prediction) -> None:
    row = json.loads(encode(prediction))
    del row["experiment"], row["signals"], row["kind"]
    row["selections"] = [each[:3] for each in row["selections"]]
    older = replace(
        prediction,
        experiment=None,
        signals={},
        selections=tuple(replace(each, reviews=1) for each in prediction.selections),
    )
    assert decode(json.dumps(row).encode()) == older


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"7",
        b'{"prediction_id": 1}',
        b'{"kind": "shadow score"}',
    ],
)
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(line)
