"""Errors as `application/problem+json` (RFC 9457), with the words of the command line."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from cmsearch.errors import (
    CmsearchError,
    CursorError,
    MediaError,
    QueryError,
    StoreLockedError,
    StoreMismatchError,
    StoreNotFoundError,
    StoreReadOnlyError,
    UnknownModelError,
)
from cmsearch.server.answers import Answer
from cmsearch.server.errors import BusyError, LateError, NotThereError, NotTrustedError

MEDIA_TYPE = "application/problem+json"
_TEXT = {"type": "string"}
_STATUS: tuple[tuple[type[CmsearchError], HTTPStatus], ...] = (
    (CursorError, HTTPStatus.GONE),
    (QueryError, HTTPStatus.BAD_REQUEST),
    (UnknownModelError, HTTPStatus.BAD_REQUEST),
    (MediaError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StoreNotFoundError, HTTPStatus.NOT_FOUND),
    (StoreLockedError, HTTPStatus.CONFLICT),
    (StoreMismatchError, HTTPStatus.CONFLICT),
    (StoreReadOnlyError, HTTPStatus.CONFLICT),
    (CmsearchError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """A response that says what went wrong and what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return Answer(
        {**body, "detail": detail, **more}, status, headers=headers, media_type=MEDIA_TYPE
    )


def status_of(error: CmsearchError) -> int:
    """The status that a response with an error has."""
    if isinstance(error, NotThereError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, NotTrustedError):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, BusyError):
        return HTTPStatus.TOO_MANY_REQUESTS
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def add_handlers(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""
    app.add_exception_handler(CmsearchError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unforeseen)


async def _known(_: Request, error: Exception) -> Any:
    assert isinstance(error, CmsearchError)
    headers = {"Retry-After": "1"} if isinstance(error, BusyError | LateError) else None
    return problem(status_of(error), str(error), headers)


async def _invalid(_: Request, error: Exception) -> Any:
    assert isinstance(error, RequestValidationError)
    places = [
        {"field": ".".join(map(str, one["loc"][1:])), "reason": str(one["msg"])}
        for one in error.errors()
    ]
    told = "; ".join(f"{one['field'] or 'the body'}: {one['reason']}" for one in places[:5])
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"The request can't be understood: {told}.", errors=places
    )


async def _refused(request: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request) or headers.get("Allow", "")
    return problem(error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> str:
    """The methods of all routes that a path has; of several the framework names those of one."""
    methods = {
        method.upper()
        for path, operations in request.app.openapi()["paths"].items()
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), request.url.path)
        for method in operations
    }
    return ", ".join(sorted(methods))


async def _left(_: Request, __: Exception) -> Any:
    """Nobody reads it."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _unforeseen(_: Request, error: Exception) -> Any:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"{type(error).__name__}: the log of the service has more.",
    )
