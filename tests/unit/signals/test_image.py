"""What is watched of a product's picture: each change moves its own signal."""

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ml.signals.image import image_signals
from ml.signals.manifest import SIGNALS

NOTHING = {"has_picture": 0.0}


def encoded(image: Image.Image, file_format: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def photograph(size: tuple[int, int] = (500, 500)) -> Image.Image:
    """A soft, colourful scene with detail of a few pixels, seeded."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(40, 200, (12, 12, 3), dtype=np.uint8)
    fine = rng.normal(0, 20, (120, 120, 3))
    scene = np.asarray(Image.fromarray(coarse).resize((120, 120), Image.Resampling.BICUBIC))
    pixels = (scene + fine).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)


def warmer(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    return Image.merge("RGB", (red.point(lambda v: v * 1.2), green, blue.point(lambda v: v * 0.8)))


CHANGES: list[tuple[str, Callable[[Image.Image], Image.Image], int]] = [
    ("picture_brightness", lambda image: ImageEnhance.Brightness(image).enhance(0.7), -1),
    ("picture_contrast", lambda image: ImageEnhance.Contrast(image).enhance(0.5), -1),
    ("picture_saturation", lambda image: ImageEnhance.Color(image).enhance(0.3), -1),
    ("picture_warmth", warmer, +1),
    ("picture_sharpness", lambda image: image.filter(ImageFilter.GaussianBlur(5)), -1),
    ("picture_border_share", lambda image: ImageOps.expand(image, 60, "white"), +1),
]


@pytest.mark.parametrize(("name", "change", "sign"), CHANGES, ids=[case[0] for case in CHANGES])
def test_a_change_of_the_camera_moves_its_signal(
    name: str, change: Callable[[Image.Image], Image.Image], sign: int
) -> None:
    before = image_signals(encoded(photograph()))[name]
    after = image_signals(encoded(change(photograph())))[name]
    assert sign * (after - before) > 0.2 * abs(before)
    assert sign * (after - before) > 0.01


def test_the_light_is_that_of_the_product_whatever_white_surrounds_it() -> None:
    bare = image_signals(encoded(photograph()))
    framed = image_signals(encoded(ImageOps.expand(photograph(), 150, "white")))
    for name in ("picture_brightness", "picture_saturation", "picture_warmth"):
        assert framed[name] == pytest.approx(bare[name], abs=0.05)
    assert framed["picture_border_share"] == pytest.approx(1 - 500**2 / 800**2, abs=0.03)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "GIF"])
def test_other_formats_and_sizes_are_measured_alike(file_format: str) -> None:
    """Sharpness apart, which belongs to the encoding as well."""
    jpeg = image_signals(encoded(photograph()))
    other = image_signals(encoded(photograph((900, 900)), file_format))
    for name in set(jpeg) - {"picture_sharpness"}:
        assert other[name] == pytest.approx(jpeg[name], abs=0.05), name


def test_an_all_white_picture_is_bright_and_has_no_product_to_frame() -> None:
    signals = image_signals(encoded(Image.new("RGB", (50, 50), "white")))
    assert signals["picture_brightness"] == 1.0
    assert signals["picture_border_share"] == 0.0


@pytest.mark.parametrize("picture", [None, b"", b"%PDF", encoded(photograph())[:600]])
def test_a_picture_nobody_can_see_is_none(picture: bytes | None) -> None:
    assert image_signals(picture) == NOTHING


@given(
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]),
    st.integers(1, 40),
    st.integers(1, 400),
    st.integers(0, 255),
)
def test_every_picture_gives_finite_named_numbers(
    mode: str, width: int, height: int, level: int
) -> None:
    image = Image.new("L", (width, height), level).convert(mode)
    signals = image_signals(encoded(image, "PNG"))
    assert set(signals) <= set(SIGNALS)
    assert all(math.isfinite(value) for value in signals.values())
    assert all(-1 <= value <= 1 for value in signals.values())
