"""The names of all watched numbers, and what each says."""

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    "title_length": "characters of the title",
    "description_length": "characters of the description; 0 without one",
    "digit_share": "share of the title's letters and digits that are digits",
    "uppercase_share": "share of the title's letters that are capitals",
    "known_word_share": "share of the title's words that the text model knows",
    "has_picture": "1 with a picture, 0 without one",
    "picture_brightness": "mean luma of the product inside its white border, 0 to 1",
    "picture_contrast": "standard deviation of that luma",
    "picture_saturation": "mean saturation of the product, 0 (grey) to 1",
    "picture_warmth": "mean of red less blue, -1 to 1",
    "picture_sharpness": "mean change of luma at a pixel: detail and grain; blur lowers it",
    "picture_border_share": "share of the picture's area that is white border",
    "text_confidence": "what the text model alone gives its likeliest category",
    "image_confidence": "what the image model alone gives its likeliest category",
}

SIGNALS: Final = tuple(MEANINGS)
