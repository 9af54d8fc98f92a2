"""What is checked before a body is read: the caller's key and the content type."""

import hmac
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader

from ml.serving.context import context_of
from ml.serving.errors import Refused

KEY_HEADER = "X-API-Key"

# Tells Swagger about the key; the check itself is GuardedRoute's, which runs earlier.
documented_key = Security(
    APIKeyHeader(
        name=KEY_HEADER,
        auto_error=False,
        description="`api_key` in `secrets.json` of the state folder",
    )
)


class GuardedRoute(APIRoute):
    """A route for holders of the API key that takes JSON; strangers' bodies are never read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _check_key(request)
            if self.body_field is not None:
                _check_content_type(request)
            return await handler(request)

        return guarded


def _check_key(request: Request) -> None:
    expected = context_of(request).api_key.encode()
    if not hmac.compare_digest(request.headers.get(KEY_HEADER, "").encode(), expected):
        raise Refused(
            401,
            f"the header {KEY_HEADER} is missing or wrong",
            remedy="send `api_key` of secrets.json in the server's state folder",
            headers={"WWW-Authenticate": KEY_HEADER},
        )


def _check_content_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(
            415,
            f"content type {media_type[:60]!r} is not understood",
            field="content-type",
            remedy="send JSON with Content-Type: application/json (pictures as base64)",
        )
