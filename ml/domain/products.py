"""A product as it was shown to the model: one revision of title, description and picture."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from ml.domain.digests import digest_of
from ml.domain.errors import InvalidInput

MAX_PRODUCT_ID_LENGTH = 200
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


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


def checked_product_id(text: str) -> str:
    """A product id as imports and serving both take it; raises InvalidInput.

    >>> checked_product_id("SKU-10442")
    'SKU-10442'
    """
    if not text.strip() or not text.isprintable():
        raise InvalidInput("must be printable characters, not only blanks")
    if len(text) > MAX_PRODUCT_ID_LENGTH:
        raise InvalidInput(f"has {len(text):,} characters, over {MAX_PRODUCT_ID_LENGTH}")
    return text


def checked_time(time: datetime) -> datetime:
    """A timezone-aware time in UTC, of this age of the world; raises InvalidInput for others.

    >>> checked_time(datetime.fromisoformat("2012-03-01T02:00:00+02:00")).isoformat()
    '2012-03-01T00:00:00+00:00'
    """
    if not _EARLIEST <= time < _LATEST:
        raise InvalidInput(f"must lie between {_EARLIEST.year} and {_LATEST.year}")
    return time.astimezone(UTC)
