"""What is checked before a body is read: the caller's key, what it opens, the content type."""

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
        description="from `secrets.json` of the state folder: `api_key`, or for reviewers "
        "`reviewer_key`, which opens only what cannot show them the model's answer",
    )
)


class GuardedRoute(APIRoute):
    """A route for holders of the API key that takes JSON; strangers' bodies are never read."""

    open_to_reviewers = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _check_key(request, reviewers=self.open_to_reviewers)
            if self.body_field is not None:
                _check_content_type(request)
            return await handler(request)

        return guarded


class ReviewerRoute(GuardedRoute):
    """A route for reviewers as well: nothing it answers may tell what the model said."""

    open_to_reviewers = True


def _check_key(request: Request, *, reviewers: bool) -> None:
    context = context_of(request)
    given = request.headers.get(KEY_HEADER, "").encode()
    if hmac.compare_digest(given, context.api_key.encode()):
        return
    if not hmac.compare_digest(given, context.reviewer_key.encode()):
        raise Refused(
            401,
            f"the header {KEY_HEADER} is missing or wrong",
            remedy="send `api_key` (reviewers: `reviewer_key`) of secrets.json in the server's "
            "state folder",
            headers={"WWW-Authenticate": KEY_HEADER},
        )
    if not reviewers:
        raise Refused(
            403,
            "this may show the model's answer, so it is closed to reviewers",
            remedy="send `api_key` of secrets.json; reviewers label what /v1/review/next hands out",
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
