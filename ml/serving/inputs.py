"""A request's product, checked: every fault is refused here, naming its field."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ml.domain.digests import digest_bytes
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.ports import ObjectStore
from ml.domain.products import Product, picture_key
from ml.models.pictures import check_picture
from ml.serving.errors import Refused
from ml.serving.schemas import ClassifyRequest
from ml.wiring.config import Settings


@dataclass(frozen=True)
class Item:
    """One product to answer. `picture` holds its encoded bytes.

    `unkept` says that the object store does not have them yet.
    """

    product: Product
    picture: bytes | None
    unkept: bool
    at: datetime
    request_id: str | None


class InputReader:
    """Makes items of requests, within the bounds of the settings."""

    def __init__(
        self, objects: ObjectStore, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._clock = clock

    def read_batch(self, requests: list[ClassifyRequest]) -> list[Item]:
        """All of a batch's products; raises Refused naming the first fault and its product."""
        if len(requests) > self._settings.max_batch:
            raise Refused(
                422,
                f"{len(requests)} products in one batch",
                field="products",
                remedy=f"send at most {self._settings.max_batch}",
            )
        return [self.read(request, f"products.{i}.") for i, request in enumerate(requests)]

    def read(self, request: ClassifyRequest, place: str = "") -> Item:
        """One product; `place` goes before the field's name in a refusal."""
        title = self._text(request.title, self._settings.max_title_length, f"{place}title")
        description = self._text(
            request.description, self._settings.max_description_length, f"{place}description"
        )
        picture, unkept = self._picture(request, place)
        if picture is None and not title.strip() and not description.strip():
            raise Refused(
                422,
                "the product has neither text nor a picture",
                field=f"{place}title",
                remedy="send at least one of title, description, image and image_uri",
            )
        at = request.at or self._clock()
        product = Product(
            product_id=request.product_id,
            title=title,
            description=description,
            picture=digest_bytes(picture) if picture is not None else None,
            listed_at=request.listed_at or at,
        )
        return Item(product, picture, unkept, at, request.request_id)

    def _text(self, text: str | None, max_length: int, field: str) -> str:
        if text is not None and len(text) > max_length:
            raise Refused(
                422,
                f"{len(text)} characters are too many",
                field=field,
                remedy=f"send at most {max_length}",
            )
        return text or ""

    def _picture(self, request: ClassifyRequest, place: str) -> tuple[bytes | None, bool]:
        """The picture's bytes, and whether they have yet to reach the object store."""
        if request.image is not None and request.image_uri is not None:
            raise Refused(
                422,
                "image and image_uri are both given",
                field=f"{place}image_uri",
                remedy="send one of them",
            )
        if request.image is not None:
            return self._checked(_decoded(request.image, f"{place}image"), f"{place}image"), True
        if request.image_uri is not None:
            key, data = self._fetched(request.image_uri, f"{place}image_uri")
            picture = self._checked(data, f"{place}image_uri")
            return picture, key != picture_key(digest_bytes(picture))
        return None, False

    def _fetched(self, uri: str, field: str) -> tuple[str, bytes]:
        try:
            key = self._objects.key(uri)
            return key, self._objects.get(key)
        except InvalidInput as error:
            remedy = "send a URI of this installation's object store, or the picture as image"
            raise Refused(422, str(error), field=field, remedy=remedy) from None
        except NotFound:
            raise Refused(
                422,
                "no picture lies at this URI",
                field=field,
                remedy="put the picture there first, or send it as image",
            ) from None

    def _checked(self, picture: bytes, field: str) -> bytes:
        limit = self._settings.max_picture_bytes
        if len(picture) > limit:
            raise Refused(
                422,
                f"the picture has {len(picture)} bytes",
                field=field,
                remedy=f"send at most {limit}",
            )
        try:
            check_picture(picture, max_pixels=self._settings.max_picture_pixels)
        except InvalidInput as error:
            remedy = "send a whole JPEG, PNG, WebP or GIF"
            raise Refused(422, str(error), field=field, remedy=remedy) from None
        return picture


def _decoded(image: str, field: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(
            422,
            "the picture is not base64",
            field=field,
            remedy="encode the file's bytes as standard base64, without a data: prefix",
        ) from None
