"""Around every request: a bound on its body, an id, its numbers, and no exception that escapes."""

import logging
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.serving.errors import Refused, error_response
from ml.serving.metrics import Metrics

_log = logging.getLogger(__name__)


class BodyLimit:
    """Refuses bodies over `max_bytes`: by their declared length, else as soon as they exceed it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            refused = self._refused()
            response = error_response(413, refused.detail, remedy=refused.remedy)
            await response(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._refused()
            return message

        return counted

    def _refused(self) -> Refused:
        return Refused(
            413,
            f"the request is larger than {self._max_bytes} bytes",
            remedy="send a smaller picture, or put it into the object store and send image_uri",
        )


class Observed:
    """Gives each request an id, counts and times it, and turns what nobody expected into a 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        status: int | None = None

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, identified)
        except Exception:
            _log.exception("request %s failed: %s %s", request_id, scope["method"], _route(scope))
            if status is None:
                await _unexpected(request_id)(scope, receive, identified)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.request(scope["method"], _route(scope), status or 500, seconds)


def _unexpected(request_id: str) -> ASGIApp:
    return error_response(
        500,
        "an unexpected error, which was logged",
        remedy=f"try again; when it stays, look for request {request_id} in the serving log",
        request_id=request_id,
    )


def _route(scope: Scope) -> str:
    """The route's template: a bounded number of names, whatever is requested."""
    return getattr(scope.get("route"), "path", "(none)")
