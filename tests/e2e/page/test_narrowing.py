"""What results are narrowed by: facets, the filters in force, and suggestions while one types."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect


def test_what_is_chosen_stays_to_be_taken_back(page: Page) -> None:
    facet = page.get_by_role("group", name="Folders")
    facet.get_by_role("checkbox", name="photos").check()
    chip = page.locator(".status .applied")
    expect(chip).to_contain_text("Folders: photos")
    page.get_by_role("searchbox").fill("honey bees gather nectar in a meadow")
    page.keyboard.press("Enter")
    page.get_by_role("combobox", name="Kind").select_option("audio")
    expect(page.get_by_role("status").first).to_contain_text("Nothing")
    expect(facet.get_by_role("checkbox", name="photos")).to_be_checked()
    chip.get_by_role("button", name="Take Folders: photos away").click()
    expect(chip).to_have_count(0)
    expect(page.get_by_role("listitem").first).to_be_visible()


def test_pictures_are_counted_with_their_chips(page: Page, sample: Path) -> None:
    with page.expect_request(lambda one: one.url.endswith("/v1/facets")) as counting:
        photo = sample / "photos" / "tabby_cat.jpg"
        page.locator("input[type=file]").set_input_files(photo)
    answer = counting.value.response()
    assert answer is not None and answer.status == 200
    assert answer.json()["among"] is not None


def test_suggestions_become_filters_and_never_hinder(page: Page) -> None:
    field = page.get_by_role("searchbox")
    field.press_sequentially("a phot", delay=20)
    offered = page.get_by_role("listbox", name="Suggestions")
    offered.get_by_role("option", name="photos").first.wait_for()
    page.keyboard.press("Escape")
    expect(offered).to_have_count(0)
    field.press_sequentially("o", delay=20)
    offered.wait_for()
    page.keyboard.press("Enter")
    expect(offered).to_have_count(0)
    expect(field).to_have_value("a photo")
    field.fill("")
    field.press_sequentially("cat phot", delay=20)
    offered.get_by_role("option", name="photos").first.wait_for()
    while not offered.get_by_role("option", name="photos", selected=True).count():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".status .applied")).to_contain_text("Folders: photos")
    expect(field).to_have_value("cat")


def test_what_stands_after_not_is_left_out(page: Page) -> None:
    field = page.get_by_role("searchbox")
    field.fill("a flower NOT a honey bee")
    field.press("Enter")
    expect(field).to_have_value("a flower")
    chip = page.locator(".chip.not")
    expect(chip).to_contain_text("a honey bee")
    expect(page.locator("main[aria-busy=false] .tile").first).to_be_visible()
    assert "part=not%3A1%3Atext%3Aa+honey+bee" in page.url
    first = page.get_by_role("listitem").first.get_by_role("button").first
    expect(first).not_to_have_attribute("title", "photos/honey_bee.jpg")
