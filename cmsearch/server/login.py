"""The way in for browsers: a page that takes the token and leaves a cookie in its place."""

# Tested by tests/e2e/server/test_login.py

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from cmsearch.server import context
from cmsearch.server.problems import problem
from cmsearch.server.tokens import COOKIE, SECONDS, Token

router = APIRouter(include_in_schema=False)
PATH = "/login"
HOME = "/"
"""Where somebody goes on who has come in."""
_LONGEST = 2**16
"""Bytes of the form."""
# With `no-referrer` a browser would say that the form comes from nowhere, which the guard refuses.
_HEADERS = {
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
_PAGE = """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>cmsearch</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/colours.css">
<link rel="stylesheet" href="/page/style.css">
<main class="login">
<img src="/page/icon.svg" alt="" width="48" height="48">
<h1>cmsearch</h1>
{said}
<form method="post" action="/login">
<label>{asked}
<input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button class="plain main">{button}</button>
</form>
</main>
</html>
"""
_WORDS = {
    "en": {
        "asked": "The token of this service",
        "button": "Come in",
        "wrong": "That isn't the token of this service.",
    },
    "de": {
        "asked": "Das Token dieses Dienstes",
        "button": "Eintreten",
        "wrong": "Das ist nicht das Token dieses Dienstes.",
    },
}


def _page(request: Request, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """The form, in the language that the browser likes best of those that there are."""
    liked = [one.strip()[:2].lower() for one in _liked(request)]
    lang = next((one for one in liked if one in _WORDS), "en")
    words = _WORDS[lang]
    said = f"<p role=alert>{words['wrong']}</p>" if status is HTTPStatus.FORBIDDEN else ""
    text = _PAGE.format(lang=lang, said=said, asked=words["asked"], button=words["button"])
    return HTMLResponse(text, status, headers=_HEADERS)


def _liked(request: Request) -> list[str]:
    """The languages of a request, which browsers name in the order of their liking."""
    return request.headers.get("accept-language", "").split(",")[:20]


@router.get(PATH)
def page(request: Request) -> Any:
    """A form for the token."""
    if context.of(request).settings.token is None:
        return RedirectResponse(HOME, HTTPStatus.SEE_OTHER)
    return _page(request)


@router.post(PATH)
async def come_in(request: Request) -> Any:
    """Leave the cookie, if the token is right."""
    own = context.of(request)
    if own.settings.token is None:
        return RedirectResponse(HOME, HTTPStatus.SEE_OTHER)
    address = request.client.host if request.client else ""
    if own.attempts.too_many(address):
        told = {"Retry-After": f"{SECONDS:.0f}"}
        return problem(429, "Too many wrong tokens. Try again in a minute.", told)
    async with request.form(max_files=0, max_fields=1, max_part_size=_LONGEST) as form:
        shown = form.get("token", "")
    token = Token(own.settings.token)
    if not isinstance(shown, str) or not token.is_it(shown.strip()):
        own.attempts.note(address)
        return _page(request, HTTPStatus.FORBIDDEN)
    answer = RedirectResponse(HOME, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        token.cookie,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
def leave(request: Request) -> Any:
    """Take the cookie away."""
    answer = RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
    answer.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer
