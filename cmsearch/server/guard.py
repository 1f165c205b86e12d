"""What stands before the service: who may ask, how much, how long, and what browsers are told.

Only names of the service are answered to, so that a page which lets its own name lead here (DNS
rebinding) gets nothing; and no other site's page gets anything, by `Origin` and `Sec-Fetch-Site`.
"""

# Tested by tests/e2e/server/test_guard.py

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from cmsearch.server.login import PATH as LOGIN
from cmsearch.server.problems import problem
from cmsearch.server.settings import Settings
from cmsearch.server.tokens import Token

log = logging.getLogger("cmsearch.server")
OPEN = frozenset(
    {"/healthz", "/readyz", LOGIN, "/page/colours.css", "/page/style.css", "/page/icon.svg"}
)
"""What is answered without a token: it says nothing of what is here."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_CLOSING = {"Connection": "close"}
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:@/?#\s]*))(?::\d*)?", re.ASCII)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI app that lets what is right through to another."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._token = None if settings.token is None else Token(settings.token)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        told = _telling(send)
        if refusal is not None:
            await refusal(scope, receive, told)
            return
        try:
            await self._app(scope, _Body(receive, self._settings).receive, told)
        except Exception as error:  # it was answered; a traceback for each would fill any log
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{last.filename}, line {last.lineno}"
            log.error("A request failed: %s: %s (%s)", type(error).__name__, error, place)

    def _refusal(self, method: str, path: str, headers: Headers) -> Any:
        """Why a request isn't answered, as a response; None if it is."""
        host = headers.get("host", "")
        if not self._is_called(_name(host)):
            return problem(421, f"This service isn't {host[:100]!r}. Allow it with --host-name.")
        if not _is_own(headers, host, method):
            return problem(403, "Pages of other sites are not answered.")
        if self._token is not None and path not in OPEN and not self._token.is_shown(headers):
            if method == "GET" and "text/html" in headers.get("accept", ""):
                return RedirectResponse(LOGIN, 303)
            told = {"WWW-Authenticate": 'Bearer realm="cmsearch"'}
            return problem(401, "Show the token: `Authorization: Bearer TOKEN`.", told)
        if "content-length" in headers and "transfer-encoding" in headers:
            return problem(400, "Say the length of a request in one way, not in two.", _CLOSING)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._settings.most_bytes:
            return problem(413, _too_large(self._settings), _CLOSING)
        return None

    def _is_called(self, name: str) -> bool:
        """Whether the service may be called so."""
        return name in self._settings.hosts or (self._settings.addresses and _is_address(name))


class _Body:
    """The body of a request, counted and timed while it comes."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._settings = settings
        self._left = settings.most_bytes
        self._until = asyncio.get_running_loop().time() + settings.seconds
        self._is_whole = False

    async def receive(self) -> Message:
        """The next message of a request. Raises `HTTPException` for too much, or too slow."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            told = f"The request took longer than {self._settings.seconds:g} seconds to arrive."
            raise HTTPException(408, told, _CLOSING) from error
        self._left -= len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._left < 0:
            raise HTTPException(413, _too_large(self._settings), _CLOSING)
        return message


def _too_large(settings: Settings) -> str:
    return f"A request has at most {settings.most_bytes // 2**20} MiB here."


def _name(host: str) -> str:
    """A `Host` without its port, and an address of IPv6 without its brackets; "" if it is none."""
    found = _HOST.fullmatch(host.lower())
    return "" if found is None else (found[1] or found[2]).rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(headers: Headers, host: str, method: str) -> bool:
    """Whether a request comes from a page of the service, or from no page."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        return False
    site = headers.get("sec-fetch-site", "none")
    is_opened = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return site in ("none", "same-origin") or is_opened


def _telling(send: Send) -> Send:
    """Send with the headers that every response has, unless it has one of its own."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return told
