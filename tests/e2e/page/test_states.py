"""What stands where results would, the place that is kept, and what a phone shows."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Request, Route, expect

from tests.e2e.page.conftest import until

SEEN = """[...document.querySelectorAll(".tile-open")].find((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return top > 150 && bottom < innerHeight;
}).click()"""


def test_a_service_that_does_not_answer_can_be_asked_again(page: Page) -> None:
    page.route("**/v1/search*", lambda route: route.abort())
    page.get_by_role("searchbox").fill("a cat")
    problem = page.get_by_role("heading", name="That didn't work.")
    expect(problem).to_be_visible()
    expect(page.get_by_text("The service doesn't answer.").first).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(0)
    page.unroute("**/v1/search*")
    page.get_by_role("button", name="Try again").click()
    page.locator("button[title*='cat.jpg']").first.wait_for()
    expect(problem).to_have_count(0)


def test_what_is_wrong_with_a_query_leaves_what_was_there(page: Page) -> None:
    page.get_by_role("searchbox").fill("- - -")
    expect(page.locator(".status-words.wrong")).to_contain_text("Nothing stands between")
    expect(page.locator("main.stale .tile").first).to_be_visible()


def test_where_nothing_is_it_says_what_to_do(page: Page, service: str) -> None:
    page.goto(f"{service}/?people=Nobody&q=a+cat")
    expect(page.get_by_role("heading", name="Nothing was found.")).to_be_visible()
    page.get_by_role("button", name="Take all filters away").click()
    page.locator("button[title*='cat.jpg']").first.wait_for()
    page.goto(f"{service}/?since=1900&until=1900")
    expect(page.get_by_role("heading", name="No file fits these filters.")).to_be_visible()


def test_outlines_stand_where_pictures_will_come(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/items?*", lambda route: held.append(route))
    page.reload()
    expect(page.locator(".outlines span").first).to_be_visible()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.locator(".tile .there").first.wait_for()
    expect(page.locator(".outlines")).to_have_count(0)


def test_a_query_does_not_list_files(page: Page) -> None:
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))
    page.get_by_role("searchbox").fill("a cat")
    page.locator("button[title*='cat.jpg']").first.wait_for()
    expect(page.get_by_role("status")).to_contain_text("result")
    assert [one.url for one in asked if "/v1/items?" in one.url] == []


def test_the_place_is_kept_and_going_back_closes_the_viewer(page: Page) -> None:
    page.mouse.move(700, 500)
    page.mouse.wheel(0, 700)
    until(page, "scrollY > 600 && history.state?.top === scrollY")
    top = page.evaluate("scrollY")
    page.evaluate(SEEN)
    expect(page).to_have_title(re.compile(r"\.\w+ – cmsearch"))
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("scrollY") == top
    page.get_by_role("combobox", name="Kind").select_option("video")
    until(page, "scrollY === 0 && location.search.includes('for=video')")
    page.go_back()
    until(page, f"scrollY === {top}")
    expect(page).to_have_title("cmsearch")


def test_a_phone_shows_results_and_filters_in_turn(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    page.reload()
    page.locator(".tile .there").first.wait_for()
    filters = page.get_by_role("complementary", name="Filters")
    expect(filters).to_have_count(0)
    page.get_by_role("button", name="Filters").click()
    filters.get_by_role("button", name="Close").click()
    expect(filters).to_have_count(0)
    page.mouse.move(200, 500)
    page.mouse.wheel(0, 600)
    expect(page.locator(".top")).to_have_class(re.compile("away"))
    page.mouse.wheel(0, -100)
    expect(page.locator(".top")).not_to_have_class(re.compile("away"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
