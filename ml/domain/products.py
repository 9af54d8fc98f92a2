"""A product as it was shown to the model: one revision of title, description and picture."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ml.domain.digests import digest_of


@dataclass(frozen=True)
class Product:
    """One revision of one product.

    `picture` is the SHA-256 of the picture's bytes; the bytes lie in the object store under
    `picture_key(picture)`. An empty description or a missing picture is normal; a product has
    at least a title or a picture. `listed_at` is timezone-aware.
    """

    product_id: str
    title: str
    description: str
    picture: str | None
    listed_at: datetime

    @cached_property
    def digest(self) -> str:
        """Content digest of this revision; changes when a seller edits the product."""
        return digest_of(self.title, self.description, self.picture)


def picture_key(picture: str) -> str:
    """Object-store key of a picture, from the SHA-256 of its bytes."""
    return f"pictures/{picture[:2]}/{picture}"
