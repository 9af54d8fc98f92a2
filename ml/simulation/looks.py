"""How each category looks: shape, hues and texture, shared by those that look alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Shape(StrEnum):
    """Outlines that `pictures.py` can draw."""

    BOOK = "book"
    BOX = "box"
    DISC = "disc"
    FIGURE = "figure"
    CARDS = "cards"
    SHELVES = "shelves"
    RING = "ring"
    BLOB = "blob"
    TOOL = "tool"
    CLOTH = "cloth"
    BASIN = "basin"


class Texture(StrEnum):
    """Patterns on the product's surface."""

    PLAIN = "plain"
    STRIPES = "stripes"
    CHECKS = "checks"
    DOTS = "dots"


@dataclass(frozen=True)
class Look:
    """One category's look; `hues` in degrees, one of them is drawn for each product."""

    shape: Shape
    hues: tuple[int, ...]
    texture: Texture
    saturation: float = 0.6


LOOKS: Final[dict[str, Look]] = {
    "10": Look(Shape.BOOK, (15, 40, 200), Texture.PLAIN),
    "40": Look(Shape.DISC, (220, 130), Texture.PLAIN),
    "50": Look(Shape.BLOB, (240, 220), Texture.PLAIN, 0.25),
    "60": Look(Shape.BOX, (240, 200), Texture.PLAIN, 0.25),
    "1140": Look(Shape.FIGURE, (30, 280, 330), Texture.PLAIN),
    "1160": Look(Shape.CARDS, (50, 210, 280), Texture.PLAIN),
    "1180": Look(Shape.FIGURE, (100, 60), Texture.DOTS, 0.4),
    "1280": Look(Shape.BLOB, (0, 50, 120), Texture.PLAIN, 0.9),
    "1281": Look(Shape.BOX, (0, 50, 120), Texture.CHECKS, 0.8),
    "1300": Look(Shape.TOOL, (0, 220), Texture.STRIPES),
    "1301": Look(Shape.RING, (300, 340), Texture.DOTS),
    "1302": Look(Shape.RING, (120, 200), Texture.STRIPES, 0.8),
    "1320": Look(Shape.DISC, (335, 195), Texture.DOTS, 0.3),
    "1560": Look(Shape.SHELVES, (28, 35), Texture.PLAIN, 0.45),
    "1920": Look(Shape.CLOTH, (210, 330), Texture.CHECKS, 0.4),
    "1940": Look(Shape.DISC, (35, 90), Texture.STRIPES),
    "2060": Look(Shape.CLOTH, (45, 350), Texture.DOTS),
    "2220": Look(Shape.BLOB, (30, 40), Texture.DOTS, 0.45),
    "2280": Look(Shape.BOOK, (0, 210), Texture.STRIPES, 0.8),
    "2403": Look(Shape.BOOK, (200, 350), Texture.DOTS, 0.7),
    "2462": Look(Shape.BOX, (220, 270), Texture.STRIPES),
    "2522": Look(Shape.BOOK, (210, 60), Texture.CHECKS),
    "2582": Look(Shape.SHELVES, (95, 35), Texture.STRIPES),
    "2583": Look(Shape.BASIN, (190, 205), Texture.PLAIN, 0.75),
    "2585": Look(Shape.TOOL, (110, 20), Texture.PLAIN, 0.8),
    "2705": Look(Shape.BOOK, (25, 35), Texture.PLAIN, 0.4),
    "2905": Look(Shape.DISC, (200, 265), Texture.CHECKS),
}
