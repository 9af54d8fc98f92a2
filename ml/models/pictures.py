"""Encoded pictures of strangers become small RGB arrays, within bounds set beforehand."""

import io
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ml.domain.errors import InvalidInput

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
PREPARATION_VERSION = 1
"""Part of every embedding's identity; raise it when the pixels below come out differently."""

_WHITE = 245
_WHITE_RGB = (255, 255, 255)
_SMALLEST_SIDE = 8
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's plugins raise on damaged bytes (OSError covers UnidentifiedImageError).
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says; sizes in pixels, before EXIF orientation."""

    media_type: str
    width: int
    height: int


def check_picture(data: bytes, *, max_pixels: int) -> PictureInfo:
    """Accept a picture that can be decoded, or raise InvalidInput saying why it can't.

    The header's pixel count is checked before anything is decoded. JPEGs are then decoded at an
    eighth of their size, which reads every byte at a fraction of the cost.
    """
    with _opened(data, max_pixels) as image:
        info = PictureInfo(Image.MIME[image.format or ""], image.width, image.height)
        image.draft("RGB", (1, 1))
        image.load()
    return info


def decode_picture(data: bytes, side: int, *, max_pixels: int) -> NDArray[np.uint8]:
    """The first frame as RGB [side, side, 3]: upright, on white, borders trimmed, aspect kept.

    The remaining picture is centred on white rather than stretched: its proportions tell a belt
    from a bag. Raises InvalidInput for other formats, too many pixels and damaged bytes.
    """
    with _opened(data, max_pixels) as image:
        # A JPEG decodes at a half, quarter or eighth for less. Half more than the side is kept,
        # because trimming the border may leave only a part of it.
        image.draft("RGB", (3 * side // 2, 3 * side // 2))
        image.load()
        orientation = _orientation(image)
        upright = _on_white(image)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    return _fit(upright, _content_box(upright), side)


def decode_pictures(
    pictures: list[bytes], side: int, *, max_pixels: int, workers: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Decode many: arrays [n, side, side, 3] and which rows could be read [n]; the others are 0.

    Threads help because Pillow decodes outside the interpreter lock.
    """
    pixels = np.zeros((len(pictures), side, side, 3), dtype=np.uint8)
    readable = np.zeros(len(pictures), dtype=np.bool_)

    def decode(row: int) -> None:
        try:
            pixels[row] = decode_picture(pictures[row], side, max_pixels=max_pixels)
        except InvalidInput:
            return
        readable[row] = True

    if workers == 1 or len(pictures) == 1:
        for row in range(len(pictures)):
            decode(row)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(decode, range(len(pictures))))
    return pixels, readable


@contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """The opened, not yet decoded picture; failures inside the block become InvalidInput too."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise InvalidInput(
                    f"picture of {image.width}x{image.height} pixels exceeds {max_pixels} pixels"
                )
            yield image
    except UnidentifiedImageError:
        raise InvalidInput(f"picture is not one of {', '.join(FORMATS)}, or is damaged") from None
    except _BOMB:
        raise InvalidInput(f"picture exceeds {max_pixels} pixels by far") from None
    except _DAMAGE as error:
        raise InvalidInput(f"picture is damaged or truncated: {error}") from None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation; 1 (upright) when the EXIF block can't be read, the pixels still can."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (*_DAMAGE, TypeError):
        return 1


def _on_white(image: Image.Image) -> Image.Image:
    """RGB of any mode, transparency replaced by white."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    canvas = Image.new("RGBA", layered.size, (*_WHITE_RGB, 255))
    return Image.alpha_composite(canvas, layered).convert("RGB")


def _content_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Box (left, top, right, bottom) without white borders.

    The whole picture when next to nothing is left: a speck must not be blown up.
    """
    coloured = np.asarray(image).min(axis=2) < _WHITE
    columns, rows = coloured.any(axis=0), coloured.any(axis=1)
    if max(columns.sum(), rows.sum()) < _SMALLEST_SIDE:
        return (0, 0, image.width, image.height)
    left, right = np.flatnonzero(columns)[[0, -1]]
    top, bottom = np.flatnonzero(rows)[[0, -1]]
    return (int(left), int(top), int(right) + 1, int(bottom) + 1)


def _fit(image: Image.Image, box: tuple[int, int, int, int], side: int) -> NDArray[np.uint8]:
    """The box, as large as it gets inside a white square, as uint8 [side, side, 3]."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Cropped first: resize(box=...) would blend in the white just outside the box.
    content = image.crop(box).resize(size, Image.Resampling.BILINEAR)
    square = Image.new("RGB", (side, side), _WHITE_RGB)
    square.paste(content, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.array(square)  # a copy: Pillow's own memory can't be written to, which torch minds
