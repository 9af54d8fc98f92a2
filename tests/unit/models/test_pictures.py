import io
import struct
import zlib
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.domain.errors import InvalidInput
from ml.models.pictures import PictureInfo, check_picture, decode_picture, decode_pictures
from tests.unit.models.drawings import draw, encoded

PIXELS = 1_000_000
RED, WHITE = [255, 0, 0], [255, 255, 255]


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_four_formats_are_accepted_and_described(kind):
    data = encoded(noise(40, 30), kind)
    assert check_picture(data, max_pixels=PIXELS) == PictureInfo(f"image/{kind.lower()}", 40, 30)
    assert decode_picture(data, 32, max_pixels=PIXELS).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not one of JPEG, PNG, WEBP, GIF"),
        (b"hello", "not one of JPEG"),
        (encoded(noise(20, 20), "BMP"), "not one of JPEG"),
        (encoded(noise(64, 64), "JPEG")[:-400], "truncated"),
        (encoded(noise(64, 64), "PNG")[:-400], "truncated"),
        (encoded(noise(2000, 600), "JPEG"), "2000x600 pixels exceeds 1000000 pixels"),
        (png_claiming(50_000, 50_000), "exceeds 1000000 pixels"),
        (png_claiming(10_000, 10_000), "exceeds 1000000 pixels"),
        (png_claiming(500, 500), "damaged or truncated"),
    ],
)
def test_what_can_not_be_decoded_is_refused_with_the_reason(data, reason):
    with pytest.raises(InvalidInput, match=reason):
        check_picture(data, max_pixels=PIXELS)
    with pytest.raises(InvalidInput, match=reason):
        decode_picture(data, 32, max_pixels=PIXELS)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]),
    where=st.floats(0, 1),
    byte=st.binary(min_size=1, max_size=8),
)
def test_damaged_bytes_are_decoded_or_refused_but_never_crash(kind, where, byte):
    data = bytearray(encoded(noise(24, 24), kind))
    start = int(where * len(data))
    data[start : start + len(byte)] = byte
    for read in (check_picture, partial(decode_picture, side=16)):
        with suppress(InvalidInput):
            read(bytes(data), max_pixels=PIXELS)


def test_exif_orientation_is_applied():
    image = Image.new("RGB", (40, 40), "red")
    image.paste("blue", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to view
    pixels = decode_picture(encoded(image, "PNG", exif=exif), 32, max_pixels=PIXELS)
    assert pixels[16, 2].tolist() == RED
    assert pixels[16, 29].tolist() == [0, 0, 255]


def test_transparency_becomes_white():
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 40))
    image.putpixel((39, 39), (255, 0, 0, 255))  # keeps the transparent half inside the box
    pixels = decode_picture(encoded(image), 40, max_pixels=PIXELS)
    assert pixels[20, 5].tolist() == RED
    assert pixels[20, 30].tolist() == WHITE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16", "RGBA"])
def test_every_colour_mode_becomes_rgb(mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), 40_000, dtype=np.uint16))
    else:
        image = noise(20, 20).convert("L").convert(mode)
    data = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    pixels = decode_picture(data, 16, max_pixels=PIXELS)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8


def test_sixteen_bit_greys_keep_their_brightness():
    image = Image.fromarray(np.full((20, 20), 40_000, dtype=np.uint16))
    assert decode_picture(encoded(image), 16, max_pixels=PIXELS)[8, 8].tolist() == [156] * 3


@given(
    left=st.integers(0, 30),
    top=st.integers(0, 30),
    width=st.integers(10, 40),
    height=st.integers(10, 40),
)
@settings(max_examples=40, deadline=None)
def test_white_borders_change_nothing(left, top, width, height):
    content = Image.new("RGB", (width, height), "red")
    canvas = Image.new("RGB", (width + left + 7, height + top + 3), "white")
    canvas.paste(content, (left, top))
    np.testing.assert_array_equal(
        decode_picture(encoded(canvas), 32, max_pixels=PIXELS),
        decode_picture(encoded(content), 32, max_pixels=PIXELS),
    )


def test_proportions_are_kept_on_white():
    pixels = decode_picture(encoded(Image.new("RGB", (40, 20), "red")), 32, max_pixels=PIXELS)
    assert (pixels[8:24] == RED).all()
    assert (pixels[:8] == WHITE).all()
    assert (pixels[24:] == WHITE).all()


def test_a_white_picture_and_a_speck_stay_as_they_are():
    blank = Image.new("RGB", (50, 50), "white")
    assert (decode_picture(encoded(blank), 32, max_pixels=PIXELS) == WHITE).all()
    blank.putpixel((25, 25), (0, 0, 0))
    assert decode_picture(encoded(blank), 32, max_pixels=PIXELS).mean() > 250


def test_only_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    pixels = decode_picture(buffer.getvalue(), 16, max_pixels=PIXELS)
    assert pixels[8, 8].tolist() == RED


@pytest.mark.parametrize("workers", [1, 3])
def test_many_are_decoded_with_the_unreadable_marked(workers):
    rng = np.random.default_rng(3)
    good = [draw("discs", rng) for _ in range(5)]
    data = [*good[:2], b"broken", *good[2:]]
    pixels, readable = decode_pictures(data, 32, max_pixels=PIXELS, workers=workers)
    assert readable.tolist() == [True, True, False, True, True, True]
    for row, picture in zip(np.flatnonzero(readable), good, strict=True):
        np.testing.assert_array_equal(pixels[row], decode_picture(picture, 32, max_pixels=PIXELS))
