"""The page by keys alone, and what is chosen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from playwright.sync_api import Page, expect


def test_a_search_by_keys_alone(page: Page) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("a cat")
    page.get_by_role("heading", name="Below this, probably not about it").wait_for()
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


def test_the_sheet_of_keys_begins_at_its_top(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 320})
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog", name="Keys").get_by_role("button")).to_be_focused()


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
