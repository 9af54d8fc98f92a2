"""What a product's picture looks like: light, colour, detail and framing.

Measured on a small copy: JPEGs are decoded at a fraction of their size, so a picture of 500 x 500
pixels costs about a millisecond.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 100  # the copy's longer side has one to two times as many pixels
_WHITE = 245

_Levels = NDArray[np.uint8]


def image_signals(picture: bytes | None) -> dict[str, float]:
    """The signals of an encoded picture; only `has_picture` when there is none to look at.

    The caller has checked the picture's size in pixels; one that can't be decoded is none.
    """
    small = None if picture is None else _small_copy(picture)
    if small is None:
        return {"has_picture": 0.0}
    content = _without_border(small)
    luma = np.asarray(content.convert("L"))  # ITU-R BT.601
    red, green, blue = (np.asarray(channel) for channel in content.split())
    signals = {
        "has_picture": 1.0,
        "picture_brightness": float(luma.mean()) / 255,
        "picture_contrast": float(luma.std(dtype=np.float32)) / 255,
        "picture_saturation": _saturation(red, green, blue),
        "picture_warmth": float(red.mean() - blue.mean()) / 255,
        "picture_border_share": 1.0 - luma.size / (small.width * small.height),
    }
    if min(luma.shape) >= 3:
        signals["picture_sharpness"] = _sharpness(luma)
    return signals


def _small_copy(picture: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            small = image.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # what Pillow raises on damaged bytes
        return None
    factor = max(small.size) // _SIDE
    return small.reduce(factor) if factor > 1 else small


def _without_border(image: Image.Image) -> Image.Image:
    """The picture without white borders; the whole one when it is all white."""
    red, green, blue = (np.asarray(channel) for channel in image.split())
    coloured = np.minimum(np.minimum(red, green), blue) < _WHITE
    rows, columns = np.flatnonzero(coloured.any(axis=1)), np.flatnonzero(coloured.any(axis=0))
    if not len(rows):
        return image
    return image.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def _saturation(red: _Levels, green: _Levels, blue: _Levels) -> float:
    """Mean of (largest - smallest) / largest over the channels; 0 where all is black."""
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    ratio = (largest - smallest) / np.maximum(largest, 1).astype(np.float32)
    return float(ratio.mean())


def _sharpness(luma: _Levels) -> float:
    """Mean absolute Laplacian: how much a pixel differs from the mean of its four neighbours."""
    levels = luma.astype(np.int16)
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    return float(np.abs(4 * levels[1:-1, 1:-1] - around).mean()) / (4 * 255)
