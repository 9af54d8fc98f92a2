"""What the simulations yield: one product as it appears, with the truth that only they know."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SimulatedProduct:
    """A product of a synthetic marketplace or of a replayed catalogue.

    `category` is the truth; `picture` the encoded bytes, None for a product without one. `seller`
    and `language` are empty where a catalogue does not tell them. `listed_at` has a time zone.
    """

    product_id: str
    title: str
    description: str
    picture: bytes | None
    category: str
    listed_at: datetime
    seller: str = ""
    language: str = ""
