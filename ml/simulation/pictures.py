"""500x500 JPEG pictures that carry a noisy sign of the category: shape, hue and texture.

Drawn at an eighth of the pixels and enlarged, which keeps a picture under three milliseconds and
gives the softness of a real photograph.
"""

import colorsys
import io
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ml.simulation.categories import BY_CODE, CATEGORIES
from ml.simulation.looks import LOOKS, Look, Shape, Texture
from ml.simulation.sellers import Seller

SIDE = 500
_CANVAS = 120
_Box = tuple[float, float, float, float]
_Pixels = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PictureDifficulty:
    """What bounds an image model. mistaken: the look of a category it is confused with;
    unrelated: the look of any category (logos, packaging); hue noise in degrees (deviation)."""

    mistaken_share: float = 0.15
    unrelated_share: float = 0.18
    hue_noise: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How pictures are taken: a factor on brightness, deviation of the grain in 0-255 levels."""

    brightness: float = 1.0
    grain: float = 9.0
    jpeg_quality: int = 80


def take_picture(
    rng: Random, code: str, seller: Seller, difficulty: PictureDifficulty, camera: Camera
) -> bytes:
    """A JPEG of SIDE x SIDE pixels of a product of this category."""
    look = LOOKS[_shown(rng, code, difficulty)]
    hue = rng.gauss(rng.choice(look.hues), difficulty.hue_noise)
    mask = _draw(rng, look.shape)
    product = _rgb(hue, min(1.0, look.saturation * rng.uniform(0.7, 1.2)), rng.uniform(0.5, 0.95))
    scenery = _rgb(rng.uniform(0, 360), rng.uniform(0, 0.25), rng.uniform(0.7, 1.0))
    surface = _texture(rng, look)[:, :, None] * product
    pixels = scenery + (surface - scenery) * mask[:, :, None]
    grain = np.random.default_rng(rng.getrandbits(64)).standard_normal(
        (_CANVAS, _CANVAS), dtype=np.float32
    )
    pixels = (pixels + np.asarray(seller.tint) + camera.grain * grain[:, :, None]) * (
        camera.brightness * rng.uniform(0.85, 1.1)
    )
    return _encode(_framed(rng, pixels.clip(0, 255).astype(np.uint8), seller), camera)


def _shown(rng: Random, code: str, difficulty: PictureDifficulty) -> str:
    """The category whose look the picture has."""
    roll = rng.random()
    if roll < difficulty.mistaken_share:
        return rng.choice(BY_CODE[code].confused_with)
    if roll < difficulty.mistaken_share + difficulty.unrelated_share:
        return rng.choice(CATEGORIES).code
    return code


def _rgb(hue: float, saturation: float, value: float) -> _Pixels:
    """A colour as float32 [3] in 0-255."""
    levels = [255 * level for level in colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)]
    return np.array(levels, dtype=np.float32)


def _texture(rng: Random, look: Look) -> _Pixels:
    """Brightness factors, float32 [side, side]."""
    rows, columns = np.indices((_CANVAS, _CANVAS), dtype=np.float32)
    period = rng.uniform(9, 16)
    if look.texture is Texture.PLAIN:
        return (0.85 + 0.15 * rows / _CANVAS).astype(np.float32)
    if look.texture is Texture.STRIPES:
        slope = rng.uniform(-0.4, 0.4)
        wave = np.sin((rows + slope * columns) * (2 * np.pi / period))
    elif look.texture is Texture.CHECKS:
        wave = np.sign(np.sin(rows * (2 * np.pi / period)) * np.sin(columns * (2 * np.pi / period)))
    else:
        wave = np.cos(rows * (2 * np.pi / period)) * np.cos(columns * (2 * np.pi / period)) * 1.4
    return (0.8 + 0.22 * wave).astype(np.float32)


def _draw(rng: Random, shape: Shape) -> _Pixels:
    """The product's outline, somewhere near the middle: float32 [side, side] in 0-1."""
    mask = Image.new("L", (_CANVAS, _CANVAS))
    width = _CANVAS * rng.uniform(0.55, 0.85)
    height = width * rng.uniform(0.85, 1.15)
    left = (_CANVAS - width) * rng.uniform(0.3, 0.7)
    top = (_CANVAS - height) * rng.uniform(0.3, 0.7)
    _DRAWERS[shape](ImageDraw.Draw(mask), (left, top, left + width, top + height), rng)
    return np.asarray(mask, np.float32) / np.float32(255)


def _book(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    inset = (right - left) * rng.uniform(0.1, 0.2)
    draw.rectangle((left + inset, top, right - inset, bottom), fill=255)
    draw.line((left + inset + 6, top, left + inset + 6, bottom), fill=120, width=2)


def _box(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    inset = (bottom - top) * rng.uniform(0.18, 0.28)
    draw.rectangle((left, top + inset, right, bottom - inset), fill=255)


def _disc(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    draw.ellipse(box, fill=255)
    if rng.random() < 0.5:
        draw.ellipse(_shrunk(box, 0.42), fill=90)


def _ring(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    draw.ellipse(box, fill=255)
    draw.ellipse(_shrunk(box, rng.uniform(0.15, 0.22)), fill=0)


def _basin(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    flat = (bottom - top) * rng.uniform(0.2, 0.3)
    rim = (left, top + flat, right, bottom - flat)
    draw.ellipse(rim, fill=150)
    draw.ellipse(_shrunk(rim, 0.08), fill=255)


def _figure(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    width, height, middle = right - left, bottom - top, (left + right) / 2
    head = width * rng.uniform(0.13, 0.18)
    draw.ellipse((middle - head, top, middle + head, top + 2 * head), fill=255)
    draw.rectangle(
        (middle - 0.2 * width, top + 2 * head, middle + 0.2 * width, bottom - 0.3 * height),
        fill=255,
    )
    for side in (-1, 1):
        foot = middle + side * width * rng.uniform(0.1, 0.25)
        draw.line((middle, bottom - 0.35 * height, foot, bottom), fill=255, width=9)
        hand = middle + side * width * 0.45
        draw.line((middle, top + 0.4 * height, hand, top + height * rng.uniform(0.3, 0.6)), 255, 7)


def _cards(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    columns, rows = rng.choice(((3, 2), (2, 2), (4, 2)))
    width, height = (right - left) / columns, (bottom - top) / rows
    for column in range(columns):
        for row in range(rows):
            x, y = left + column * width, top + row * height
            draw.rectangle((x + 3, y + 3, x + width - 3, y + height - 3), fill=255)


def _shelves(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    boards = rng.choice((3, 4))
    for board in range(boards):
        y = top + board * (bottom - top - 10) / (boards - 1)
        draw.rectangle((left, y, right, y + 10), fill=255)
    draw.rectangle((left, top, left + 7, bottom), fill=255)
    draw.rectangle((right - 7, top, right, bottom), fill=255)


def _blob(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    for _ in range(4):
        x, y = left + width * rng.uniform(0.2, 0.6), top + height * rng.uniform(0.2, 0.6)
        radius = width * rng.uniform(0.2, 0.28)
        draw.ellipse((x - radius / 2, y - radius / 2, x + 1.5 * radius, y + 1.5 * radius), fill=255)


def _tool(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    left, top, right, bottom = box
    if rng.random() < 0.5:
        left, right = right, left
    draw.line((left, top, right, bottom), fill=255, width=rng.randint(9, 14))
    radius = abs(right - left) * rng.uniform(0.13, 0.2)
    draw.ellipse((right - radius, bottom - radius, right + radius, bottom + radius), fill=255)


def _cloth(draw: ImageDraw.ImageDraw, box: _Box, rng: Random) -> None:
    margin = rng.uniform(0, 5)
    draw.rectangle((margin, margin, _CANVAS - margin, _CANVAS - margin), fill=255)
    left, _, right, bottom = box
    draw.line((left, bottom, right, bottom), fill=170, width=2)


def _shrunk(box: _Box, share: float) -> _Box:
    """The box with this share of its size taken off each side."""
    left, top, right, bottom = box
    dx, dy = (right - left) * share, (bottom - top) * share
    return (left + dx, top + dy, right - dx, bottom - dy)


_DRAWERS: Final[dict[Shape, Callable[[ImageDraw.ImageDraw, _Box, Random], None]]] = {
    Shape.BOOK: _book,
    Shape.BOX: _box,
    Shape.DISC: _disc,
    Shape.FIGURE: _figure,
    Shape.CARDS: _cards,
    Shape.SHELVES: _shelves,
    Shape.RING: _ring,
    Shape.BLOB: _blob,
    Shape.TOOL: _tool,
    Shape.CLOTH: _cloth,
    Shape.BASIN: _basin,
}


def _framed(rng: Random, pixels: NDArray[np.uint8], seller: Seller) -> Image.Image:
    """SIDE x SIDE: the whole frame, or less of it between white borders."""
    content = Image.fromarray(pixels)
    if rng.random() >= seller.border_share:
        return content.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    width, height = SIDE, SIDE
    shorter = round(SIDE * rng.uniform(0.6, 0.95))
    if rng.random() < 0.5:
        width = shorter
    else:
        height = shorter
    frame = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    enlarged = content.resize((width, height), Image.Resampling.BILINEAR)
    frame.paste(enlarged, ((SIDE - width) // 2, (SIDE - height) // 2))
    return frame


def _encode(image: Image.Image, camera: Camera) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=camera.jpeg_quality)
    return buffer.getvalue()
