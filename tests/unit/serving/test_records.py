import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.domain.errors import InvalidInput
from ml.domain.predictions import Arm, Prediction, ReviewSelection, SelectionReason
from ml.domain.products import Product
from ml.serving.records import decode, encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
UNIT = st.floats(0, 1)
TIMES = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
)


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    prediction_id = draw(st.uuids()).hex
    product = Product(
        draw(TEXTS), draw(TEXTS), draw(TEXTS), draw(st.none() | st.just("a" * 64)), draw(TIMES)
    )
    selections = draw(st.lists(st.builds(tuple, st.tuples(UNIT, UNIT)), max_size=2))
    return Prediction(
        prediction_id=prediction_id,
        product=product,
        model_version=draw(st.integers(1, 10**6)),
        arm=draw(st.sampled_from(Arm)),
        label_space_version=draw(st.integers(1, 100)),
        probabilities=tuple(draw(st.lists(UNIT, min_size=1, max_size=30))),
        category=draw(TEXTS),
        confidence=draw(UNIT),
        predicted_at=draw(TIMES),
        selections=tuple(
            ReviewSelection(prediction_id, SelectionReason.AUDIT, *pair) for pair in selections
        ),
        experiment=draw(st.none() | st.just("trial-7")),
        signals=draw(st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False))),
    )


@given(predictions())
def test_a_line_gives_the_same_prediction_back(prediction: Prediction) -> None:
    line = encode(prediction)
    assert decode(line) == prediction
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@given(predictions(), st.integers(1, 40))
def test_no_torn_line_passes_for_a_prediction(prediction: Prediction, missing: int) -> None:
    with pytest.raises(InvalidInput):
        decode(encode(prediction)[: -1 - missing])


@given(predictions())
def test_a_line_of_a_program_without_trials_is_read(prediction: Prediction) -> None:
    row = json.loads(encode(prediction))
    del row["experiment"], row["signals"]
    older = replace(prediction, experiment=None, signals={})
    assert decode(json.dumps(row).encode()) == older


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b"\xff", b'{"prediction_id": 1}'])
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode(line)
