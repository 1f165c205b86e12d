"""How somebody comes into a true service with a browser, and out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import write_picture
from tests.e2e.server.conftest import answering
from tests.processes import Process, faked, started

TOKEN = "a token; that nobody guesses"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Process]]:
    place = tmp_path_factory.mktemp("login")
    write_picture(place / "folder" / "red.png", "red")
    (place / "token").write_text(f"{TOKEN}\n")
    faked("index", place / "folder", "--model", "fake:colours")
    line = ("serve", place / "folder", "--port", "0", "--token-file", place / "token")
    with started(*line) as process:
        yield answering(process), process
        process.terminate()
        assert TOKEN not in "".join(process.communicate(timeout=60))


@pytest.fixture
def browser(service: tuple[str, Process]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service[0], headers=PAGE, timeout=60) as client:
        yield client


def test_somebody_comes_in_and_leaves(browser: httpx.Client) -> None:
    shown = browser.get("/v1/stores", follow_redirects=True)
    assert (shown.status_code, shown.url.path) == (200, "/login")
    assert 'type="password"' in shown.text and 'method="post"' in shown.text
    came = browser.post("/login", data={"token": TOKEN})
    assert came.status_code == 303
    assert TOKEN not in str(came.headers) + came.text
    cookie = came.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie  # the connection isn't encrypted
    assert 'id="app"' in browser.get(came.headers["location"]).text
    assert browser.get("/v1/stores").json()["stores"]
    assert browser.post("/logout").headers["location"] == "/login"
    assert browser.get("/v1/stores", headers={"Accept": "*/*"}).status_code == 401


def test_the_page_runs_nothing_and_says_where_its_form_comes_from(browser: httpx.Client) -> None:
    page = browser.get("/login")
    assert not re.search(r"<script|<style|\bstyle=|\bon\w+=", page.text)
    assert page.headers["referrer-policy"] == "same-origin"
    assert "form-action 'self'" in page.headers["content-security-policy"]


def test_a_cookie_is_for_encrypted_connections_behind_a_proxy_with_tls(
    browser: httpx.Client,
) -> None:
    came = browser.post("/login", data={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in came.headers["set-cookie"]


def test_the_token_itself_is_no_cookie(service: tuple[str, Process]) -> None:
    for cookie in (TOKEN, f'"{TOKEN}"', "", "x"):
        answer = httpx.get(f"{service[0]}/v1/stores", headers={"Cookie": f"cmsearch={cookie}"})
        assert answer.status_code == 401


def test_pages_of_other_sites_bring_nobody_in(browser: httpx.Client) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/login", "/logout"):
            answer = browser.post(path, data={"token": TOKEN}, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("form", [b"", b"token=", b"token=x&token=y", b"\xff", b"token=%00%ff"])
def test_forms_of_no_token(service: tuple[str, Process], form: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "10.0.0.1"}
    answer = httpx.post(f"{service[0]}/login", content=form, headers=kind)
    assert answer.status_code in (400, 403)
    assert "set-cookie" not in answer.headers


def test_tokens_are_not_tried_without_end(browser: httpx.Client) -> None:
    own = {"X-Forwarded-For": "10.0.0.2"}
    statuses = [
        browser.post("/login", data={"token": "x"}, headers=own).status_code for _ in range(11)
    ]
    assert statuses == [403] * 10 + [429]
    right = browser.post("/login", data={"token": TOKEN}, headers=own)
    assert (right.status_code, right.headers["retry-after"]) == (429, "60")
    assert browser.post("/login", data={"token": TOKEN}).status_code == 303


def test_without_a_token_nobody_is_asked(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from cmsearch.server.app import make_app
    from cmsearch.server.settings import Settings
    from cmsearch.server.stores import Stores

    client = TestClient(make_app(Stores({}), Settings()), base_url="http://localhost")
    for answer in (
        client.get("/login", follow_redirects=False),
        client.post("/login", follow_redirects=False),
    ):
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("liked", "lang", "button"),
    [("de-DE,de;q=0.9,en;q=0.8", "de", "Eintreten"), ("fr, en;q=0.5", "en", "Come in"),
     ("", "en", "Come in"), ('"><script>', "en", "Come in")],
)  # fmt: skip
def test_the_page_speaks_the_language_of_the_browser(
    browser: httpx.Client, liked: str, lang: str, button: str
) -> None:
    shown = browser.get("/login", headers={"Accept-Language": liked})
    assert f'<html lang="{lang}">' in shown.text and button in shown.text
    assert "<script" not in shown.text
    wrong = browser.post("/login", data={"token": "x"}, headers={"Accept-Language": liked})
    assert wrong.status_code == 403
    assert ("Das ist nicht" in wrong.text) == (lang == "de")
