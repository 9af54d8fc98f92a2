"""What a product's text looks like, whatever it is about."""

from collections.abc import Callable


def text_signals(
    title: str, description: str, *, known_word_share: Callable[[str], float | None]
) -> dict[str, float]:
    """The text's signals, as the seller wrote it; those that its title is too poor for left out.

    `known_word_share` is the share in [0, 1] of a text's words that the model knows, None for a
    text without words.

    >>> text_signals("Lampe LED 12V", "", known_word_share=lambda _: 0.5)["digit_share"]
    0.18181818181818182
    """
    signals = {"title_length": float(len(title)), "description_length": float(len(description))}
    letters = sum(map(str.isalpha, title))
    digits = sum(map(str.isdigit, title))
    if letters + digits:
        signals["digit_share"] = digits / (letters + digits)
    if letters:
        signals["uppercase_share"] = sum(map(str.isupper, title)) / letters
    known = known_word_share(title)
    if known is not None:
        signals["known_word_share"] = known
    return signals
