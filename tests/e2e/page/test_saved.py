"""Searches that the browser keeps: under names, and those before."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from tests.e2e.page.conftest import until

HOSTILE = "<img src=x onerror=window.pwned=1>"


def opened(page: Page) -> Locator:
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    return page.get_by_role("dialog", name="Saved searches")


def test_a_search_is_saved_renamed_asked_again_and_forgotten(page: Page, service: str) -> None:
    page.goto(f"{service}/?q=a+cat&for=image")
    page.locator("button[title*='cat.jpg']").first.wait_for()
    until(page, "localStorage['cmsearch.before']?.includes('a+cat')")
    sheet = opened(page)
    sheet.get_by_role("textbox").fill("Cats")
    sheet.get_by_role("button", name="Save").click()
    sheet.get_by_role("button", name="Rename: Cats").click()
    field = sheet.get_by_role("listitem").get_by_role("textbox")
    field.fill("All cats")
    field.press("Enter")
    page.goto(service)
    page.locator(".tile .there").first.wait_for()
    sheet = opened(page)
    sheet.get_by_role("link", name="All cats").click()
    expect(page.get_by_role("searchbox")).to_have_value("a cat")
    expect(page.get_by_role("combobox", name="Kind")).to_have_value("image")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Everything that can be done")
    palette.wait_for()
    page.keyboard.type("saved all cats")
    expect(palette.get_by_role("option")).to_have_text("Saved searches: All cats")
    page.keyboard.press("Escape")
    sheet = opened(page)
    sheet.get_by_role("button", name="Take All cats away").click()
    expect(sheet.get_by_role("link")).to_have_count(1)  # it was looked at before
    sheet.get_by_role("button", name="Forget them").click()
    expect(sheet.get_by_role("link")).to_have_count(0)
    assert page.evaluate("[localStorage['cmsearch.saved'], localStorage['cmsearch.before']]") == [
        "[]", "[]"
    ]  # fmt: skip


def test_nothing_runs_of_what_is_kept(page: Page) -> None:
    kept = [
        {"name": HOSTILE, "address": f"?q={HOSTILE}"},
        {"name": "a script", "address": "javascript:window.pwned=1"},
        {"name": "elsewhere", "address": "//example.org/?q=a"},
        {"name": 7, "address": "?q=a"}, None, "text",
    ]  # fmt: skip
    for saved in (json.dumps(kept), "{", "null", '{"a": 1}'):
        page.evaluate("(to) => localStorage.setItem('cmsearch.saved', to)", saved)
        page.reload()
        page.locator(".tile .there").first.wait_for()
        sheet = opened(page)
        expect(sheet.get_by_role("heading", name="Saved searches")).to_be_visible()
        expect(sheet.get_by_role("link")).to_have_count(1 if saved.startswith("[") else 0)
        if saved.startswith("["):
            sheet.get_by_role("link", name=HOSTILE).click()
            expect(page.get_by_role("searchbox")).to_have_value(HOSTILE)
            assert page.locator("#app img[onerror]").count() == 0
            page.go_back()
        page.keyboard.press("Escape")
    assert page.evaluate("window.pwned") is None
