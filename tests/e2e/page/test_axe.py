"""What axe says of each view, light and dark: nothing serious, so that all can be told."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cmsearch.server.app import make_app
from cmsearch.server.settings import Settings
from cmsearch.server.stores import open_stores
from tests.e2e.page.conftest import check_axe
from tests.e2e.server.conftest import running

PHONE = {"width": 390, "height": 800}


def keyed(key: str, name: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.keyboard.press("Escape")
        page.keyboard.press(key)
        page.get_by_role("dialog", name=name).wait_for()

    return show


def suggestions(page: Page) -> None:
    page.get_by_role("searchbox").press_sequentially("phot", delay=20)
    page.get_by_role("listbox", name="Suggestions").get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")


def chips(page: Page) -> None:
    page.locator(".tile-choose").first.click()
    page.get_by_role("button", name="More like these").click()
    page.locator(".chip img").wait_for()
    page.get_by_role("checkbox", name="photos").first.check()
    page.locator(".status .applied").wait_for()


def viewer(page: Page) -> None:
    page.locator(".tile-open").first.click()
    page.get_by_role("complementary", name="About it").wait_for()


def heat(page: Page) -> None:
    page.goto(f"{page.url}?q=a+tabby+cat")
    page.locator("button[title*='tabby_cat.jpg']").first.click()
    page.get_by_role("button", name="tabby", exact=True).click()
    page.locator(".legend").wait_for()


def labels(page: Page) -> None:
    page.locator(".tile-choose").first.click()
    page.get_by_role("button", name="Label …").click()
    page.get_by_role("textbox", name=re.compile("Labels")).fill("cat, dog, astronaut")
    page.get_by_role("button", name="Propose").click()
    page.locator(".proposed li").first.wait_for()


def filters(page: Page) -> None:
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("complementary", name="Filters").wait_for()


@pytest.mark.parametrize(
    "show",
    [
        suggestions,
        viewer,
        *(
            pytest.param(show, marks=pytest.mark.long)
            for show in (
                chips,
                heat,
                labels,
                keyed("?", "Keys"),
                keyed("s", "Saved searches"),
                keyed("Control+k", "Everything that can be done"),
            )
        ),
    ],
)
def test_nothing_serious_is_found(page: Page, show: Callable[[Page], None]) -> None:
    show(page)
    check_axe(page)


def panel(page: Page) -> None:
    page.locator(".tile-open").first.click()
    page.get_by_role("button", name="About it").click()
    page.get_by_role("complementary", name="About it").wait_for()


@pytest.mark.parametrize("show", [filters, panel])
def test_nothing_serious_is_found_on_a_phone(page: Page, show: Callable[[Page], None]) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.reload()
    page.locator(".tile .there").first.wait_for()
    show(page)
    check_axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_nothing_serious_is_found_where_there_is_nothing(tab: Page, service: str) -> None:
    tab.goto(f"{service}/?q=a+cat&people=Nobody")
    expect(tab.get_by_role("heading", name="Nothing was found.")).to_be_visible()
    check_axe(tab)


def test_nothing_serious_is_found_at_the_door(tab: Page, sample: Path) -> None:
    app = make_app(open_stores([sample]), Settings(token="nobody guesses"))
    with running(app) as (host, port):
        tab.goto(f"http://{host}:{port}/")
        tab.get_by_role("button", name="Come in").wait_for()
        check_axe(tab)


@pytest.mark.long
@pytest.mark.skipif(not find_spec("openTSNE"), reason="the extra map isn't installed")
def test_nothing_serious_is_found_on_the_map(tab: Page, service: str) -> None:
    tab.goto(f"{service}/v1/map?limit=20")
    tab.locator("canvas").first.wait_for()
    check_axe(tab)
