"""Small pictures whose category can be seen: coloured shapes on white, no two alike."""

import io

import numpy as np
from PIL import Image, ImageDraw

CATEGORIES = ("bars", "discs", "frames")


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def draw(category: str, rng: np.random.Generator, side: int = 64) -> bytes:
    """A JPEG of one category: horizontal bars, a disc or a frame, of any colour and place."""
    image = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(image)
    colour = tuple(int(value) for value in rng.integers(0, 200, 3))
    left, top = (int(value) for value in rng.integers(4, side // 4, 2))
    size = int(rng.integers(side // 2, side - side // 4 - 4))
    box = (left, top, left + size, top + size)
    if category == "discs":
        pen.ellipse(box, fill=colour)
    elif category == "frames":
        pen.rectangle(box, outline=colour, width=side // 12)
    else:
        for y in range(top, top + size, side // 8):
            pen.rectangle((left, y, left + size, y + side // 16), fill=colour)
    return encoded(image, "JPEG", quality=90)
