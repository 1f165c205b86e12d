"""The page by keys alone, what is chosen, and what screen readers are told."""

from __future__ import annotations

import json
from importlib import resources
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect


def test_a_search_by_keys_alone(page: Page) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("a cat")
    page.locator("button[title*='cat.jpg']").first.wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_role("toolbar")).to_contain_text("2 chosen")
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Everything that can be done").wait_for()
    page.keyboard.type("oldest")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Order")).to_have_value("oldest")


def test_what_is_chosen_is_saved(page: Page, sample: Path) -> None:
    page.get_by_role("checkbox", name="Choose tabby_cat.jpg").click()
    page.get_by_role("checkbox", name="Choose astronaut.jpg").click()
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download").click()
    with ZipFile(BytesIO(Path(saving.value.path()).read_bytes())) as archive:
        assert set(archive.namelist()) == {"photos/tabby_cat.jpg", "photos/astronaut.jpg"}
    with page.expect_download() as saving:
        page.get_by_role("button", name="Contact sheet").click()
    assert "tabby_cat.jpg" in Path(saving.value.path()).read_text()
    page.get_by_role("button", name="More like these").click()
    expect(page.locator(".chip")).to_have_count(2)


@pytest.mark.parametrize("shown", ["list", "search", "viewer", "keys"])
def test_nothing_serious_is_found_by_axe(tab: Page, service: str, shown: str) -> None:
    tab.goto(service if shown == "list" else f"{service}/?q=a+cat")
    tab.locator(".tile .there" if shown == "list" else "button[title*='cat.jpg']").first.wait_for()
    if shown == "viewer":
        tab.locator("button[title*='cat.jpg']").first.click()
        tab.get_by_role("complementary", name="About it").wait_for()
    if shown == "keys":
        tab.keyboard.press("Escape")
        tab.keyboard.press("?")
        tab.get_by_role("dialog").wait_for()
    tab.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = tab.evaluate("axe.run()")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious]
        assert told == [], (scheme, json.dumps(told, indent=1))
