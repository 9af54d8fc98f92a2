"""Refusals, and the one shape in which every error is told."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ml.domain.errors import InvalidInput, NotFound, RegainError, ServiceUnavailable

_log = logging.getLogger(__name__)

_STATUS = {InvalidInput: 422, NotFound: 404, ServiceUnavailable: 503}
_RETRY = {"Retry-After": "1"}


class Refused(HTTPException):
    """A request that is not answered: status, reason, the field at fault and the remedy."""

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, reason, headers)
        self.field = field
        self.remedy = remedy


def error_response(
    status: int,
    reason: str,
    *,
    headers: Mapping[str, str] | None = None,
    **details: str | None,
) -> JSONResponse:
    """`{"error": {"reason": ..., ...}}`; details that are None are left out."""
    error = {"reason": reason, **{name: text for name, text in details.items() if text}}
    return JSONResponse({"error": error}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Every expected failure of a handler is told in the one shape."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(RegainError, _on_domain_error)


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    field, remedy = getattr(error, "field", None), getattr(error, "remedy", None)
    if error.status_code in (404, 405) and remedy is None:
        remedy = "see /docs for what this API offers"
    return error_response(
        error.status_code, error.detail, headers=error.headers, field=field, remedy=remedy
    )


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fault: Mapping[str, Any] = error.errors()[0]
    if fault["type"] == "json_invalid":
        return error_response(422, "the body is not valid JSON", field="body")
    place = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
    reason = str(fault["msg"]).removeprefix("Value error, ")
    return error_response(422, reason, field=place)


async def _on_domain_error(_: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    if status >= 500:
        _log.warning("%s: %s", type(error).__name__, error)
    return error_response(status, str(error), headers=_RETRY if status == 503 else None)
