"""The token of a service: whether a request shows it, and the cookie that a browser has instead."""

# Tested by tests/e2e/server/test_login.py

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

COOKIE = "cmsearch"
MOST = 10
"""Wrong tokens that an address may give in `SECONDS`."""
SECONDS = 60.0
_KNOWN = 1000
"""Addresses whose wrong tokens are counted."""


class Token:
    """A token, which is compared in constant time. The cookie's value doesn't tell it."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)
        self.cookie = hmac.new(token.encode(), b"cmsearch cookie", sha256).hexdigest()

    def is_shown(self, headers: Headers) -> bool:
        """Whether a request shows it, as a bearer or by its cookie."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.is_it(shown.strip())
        return hmac.compare_digest(_digest(_cookie(headers)), _digest(self.cookie))

    def is_it(self, shown: str) -> bool:
        """Whether a text is the token."""
        return hmac.compare_digest(_digest(shown), self._digest)


class Attempts:
    """How many wrong tokens each address has given lately."""

    def __init__(self) -> None:
        self._given: OrderedDict[str, list[float]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """Whether an address has to wait."""
        since = time.monotonic() - SECONDS
        return sum(at > since for at in self._given.get(address, ())) >= MOST

    def note(self, address: str) -> None:
        """Count one more; of many addresses the one that came longest ago is forgotten."""
        self._given[address] = [*self._given.pop(address, ()), time.monotonic()][-MOST:]
        if len(self._given) > _KNOWN:
            self._given.popitem(last=False)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value
