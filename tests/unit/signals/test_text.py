"""What is watched of a product's text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.signals.manifest import SIGNALS
from ml.signals.text import text_signals

WORDS = {"lampe", "led"}


def known_share(text: str) -> float | None:
    words = text.lower().split()
    return sum(word in WORDS for word in words) / len(words) if words else None


def signals_of(title: str, description: str = "") -> dict[str, float]:
    return text_signals(title, description, known_word_share=known_share)


def test_a_title_is_measured() -> None:
    assert signals_of("Lampe LED 12", "douce") == {
        "title_length": 12.0,
        "description_length": 5.0,
        "digit_share": 0.2,
        "uppercase_share": 0.5,
        "known_word_share": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize("title", ["", "  ", "!?"])
def test_what_a_title_is_too_poor_for_is_left_out(title: str) -> None:
    signals = text_signals(title, "x", known_word_share=lambda _: None)
    assert set(signals) == {"title_length", "description_length"}


def test_digits_alone_have_no_capitals() -> None:
    signals = signals_of("4711")
    assert signals["digit_share"] == 1.0
    assert "uppercase_share" not in signals


@given(st.text(), st.text())
def test_every_text_gives_finite_named_numbers(title: str, description: str) -> None:
    signals = signals_of(title, description)
    assert set(signals) <= set(SIGNALS)
    assert all(math.isfinite(value) and value >= 0 for value in signals.values())
    assert all(value <= 1 for name, value in signals.items() if name.endswith("_share"))
