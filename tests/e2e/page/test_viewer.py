"""The viewer: pictures, words in them, films and recordings, and what is known of each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.conftest import until

OPACITIES = """(one) => [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data]
  .filter((_, i) => i % 4 === 3)"""


@pytest.fixture
def page(tab: Page) -> Page:
    """A tab in which each test opens what it is about."""
    return tab


def opened(page: Page, service: str, query: str, source: str) -> None:
    page.goto(f"{service}/?q={query}")
    page.locator(f"button[title^='{source}']").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_picture_says_why_and_what_each_word_looks_at(page: Page, service: str) -> None:
    opened(page, service, "a+honey+bee", "photos/honey_bee.jpg")
    panel = page.get_by_role("complementary", name="About it")
    expect(panel).to_contain_text("photos/honey_bee.jpg")
    expect(panel).to_contain_text("likely to be what was meant")
    word = panel.get_by_role("button", name="bee")
    word.click()
    whole = page.locator(".pswp__item[aria-hidden=false] .pswp__img").last
    assert whole.evaluate("async (one) => (await one.decode(), one.naturalWidth)") == 640
    heat = page.get_by_role("img", name="Where “bee” is seen")
    assert heat.bounding_box() == whole.bounding_box()
    seen = heat.evaluate(OPACITIES)
    assert 0 < min(seen) < max(seen) < 200  # the picture is seen through it
    expect(page.locator(".legend")).to_contain_text("bee")
    page.get_by_role("button", name="Next").click()
    expect(heat).to_have_count(0)
    page.get_by_role("button", name="Previous").click()
    word.click()
    word.click()
    expect(heat).to_have_count(0)
    expect(page.locator(".legend")).to_have_count(0)


def test_a_film_plays_from_the_moment_that_was_found(page: Page, service: str) -> None:
    opened(page, service, "a+sunset&for=video", "media/journey.mp4")
    film = page.locator(".pswp__item[aria-hidden=false] video")
    until(page, "document.querySelector('[aria-hidden=false] video')?.currentTime > 0")
    start = film.evaluate("(one) => one.currentTime")
    assert start > 5
    shown = page.locator(".pswp__item[aria-hidden=false]")
    moments = shown.get_by_role("group", name="Moments that were found").get_by_role("button")
    expect(moments.nth(1)).to_be_visible()
    moments.first.click()
    while film.evaluate("(one) => one.currentTime") >= start:
        page.wait_for_timeout(20)


def test_a_recording_shows_what_is_said(page: Page, service: str) -> None:
    opened(page, service, "a+honey+bee+gathers+nectar&for=audio", "media/garden.ogg")
    shown = page.locator(".pswp__item[aria-hidden=false]")
    expect(shown.locator("audio")).to_be_visible()
    expect(shown.locator(".said")).to_contain_text("honey bee")


def test_a_document_opens_at_its_page(page: Page, service: str) -> None:
    opened(page, service, "boiling+marmalade&for=page", "notes/marmalade.pdf")
    picture = page.locator(".pswp__img:not(.pswp__img--placeholder)").first
    assert picture.evaluate("async (one) => (await one.decode(), one.naturalHeight)") > 1000


def test_like_these_becomes_a_part_of_what_is_asked(page: Page, service: str) -> None:
    opened(page, service, "a+tabby+cat", "photos/tabby_cat.jpg")
    page.get_by_role("button", name="More like this").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".chip")).to_have_count(1)
    assert re.search(r"part=more%3A1%3Aitem%3A\d+", page.url)
    page.reload()
    expect(page.locator(".chip img")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_keys_turn_and_close(page: Page, service: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{service}/?q=flower&for=image")
    page.get_by_role("listitem").nth(2).wait_for()
    page.keyboard.press("ArrowDown")
    first = page.locator(".tile.active button").first.get_attribute("title")
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    expect(viewer).to_have_attribute("aria-label", (first or "").rpartition("/")[2])
    page.keyboard.press("ArrowRight")
    expect(viewer).not_to_have_attribute("aria-label", (first or "").rpartition("/")[2])
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    until(page, "document.activeElement.matches('.tile.active .tile-open')")
