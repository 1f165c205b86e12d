"""The page in a browser: it is small, its address is what is asked, and what is typed is found."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.server.page import FILES

ROOT = Path(__file__).parents[3] / "cmsearch" / "server" / "page"
FIRST = 60 * 1024


def loaded_first(name: str, seen: set[str]) -> set[str]:
    """A module with all that it imports at once."""
    if name not in seen:
        seen.add(name)
        text = (ROOT / name).read_text()
        for target in re.findall(r'(?:from|import) ?"\./([^"]+)"', text):
            folder = Path(name).parent
            loaded_first((folder / target).as_posix(), seen)
    return seen


def test_what_the_page_loads_first_is_small() -> None:
    first = {"index.html", "colours.css", "style.css", "icon.svg", "lang/de.js"}
    names = loaded_first("app.js", first)
    assert len(names) > 10
    assert sum(len(FILES[name].packed) for name in names) < FIRST


def test_the_window_has_the_colour_of_the_paper() -> None:
    colours = FILES["colours.css"].data.decode()
    index = FILES["index.html"].data.decode()
    assert re.findall(r'theme-color" content="(#\w+)"', index) == re.findall(
        r"--paper: (#\w+);", colours
    )


def test_libraries_are_what_the_list_says() -> None:
    packages = json.loads((ROOT / "vendor" / "versions.json").read_text())
    known = {name: digest for one in packages.values() for name, digest in one["sha256"].items()}
    own = {path.name for path in (ROOT / "vendor").iterdir()} - {"versions.json"}
    assert own == set(known)
    for name, digest in known.items():
        assert hashlib.sha256((ROOT / "vendor" / name).read_bytes()).hexdigest() == digest, name


def test_the_languages_have_the_same_words() -> None:
    names = [
        re.findall(r"^  (\w+):", (ROOT / "lang" / f"{one}.js").read_text(), re.M)
        for one in ("en", "de")
    ]
    assert names[0] == names[1]
    used = {
        word for path in ROOT.glob("*.js") for word in re.findall(r'\bt\("(\w+)"', path.read_text())
    }
    assert used <= set(names[0])


def test_the_line_is_the_engines() -> None:
    assert f"export const DOUBTFUL = {DOUBTFUL};" in (ROOT / "results.js").read_text()


def test_files_of_the_page_are_given_and_no_others(service: str) -> None:
    with httpx.Client(base_url=service) as client:
        first = client.get("/")
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert client.get("/page/vendor/versions.json").status_code == 200
        for path in ("/page/page.py", "/page/..%2fpage.py", "/page/", "/page/../page.py"):
            assert client.get(path).status_code in (400, 404), path


def test_what_is_typed_is_found_and_stands_in_the_address(page: Page) -> None:
    page.get_by_role("searchbox").press_sequentially("a cat", delay=20)
    expect(page.get_by_role("status")).to_contain_text("result")
    first = page.get_by_role("listitem").first.get_by_role("button").first
    expect(first).to_have_attribute("title", re.compile("(cat|kitten).jpg"))
    assert "q=a+cat" in page.url
    page.get_by_role("heading", name="Below this, probably not about it").wait_for()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("a cat")
    expect(first).to_have_attribute("title", re.compile("(cat|kitten).jpg"))


def test_without_words_the_files_are_listed(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("files")
    page.get_by_role("combobox", name="Kind").select_option("video")
    expect(page.get_by_role("status")).to_have_text("1 file")
    page.go_back()
    expect(page.get_by_role("status")).not_to_have_text("1 file")


def test_what_there_is_to_narrow_by_is_counted_once(tab: Page, service: str) -> None:
    asked: list[str] = []
    tab.on("request", lambda one: asked.append(one.url) if "/v1/facets" in one.url else None)
    tab.goto(service)
    tab.get_by_role("group", name="Folders").wait_for()
    tab.wait_for_timeout(400)
    assert len(asked) == 1
    with tab.expect_request(re.compile("/v1/facets.*q=a\\+cat")):
        tab.get_by_role("searchbox").fill("a cat")
    assert len(asked) == 2


def test_a_picture_that_is_dropped_becomes_a_chip(page: Page, sample: Path) -> None:
    photo = sample / "photos" / "tabby_cat.jpg"
    page.locator("input[type=file]").set_input_files(photo)
    chip = page.locator(".chip")
    expect(chip.get_by_role("img")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("result")
    chip.get_by_role("button", name=re.compile("Change it")).click()
    expect(chip).to_contain_text("−")
    chip.get_by_role("button", name=re.compile("Take .* away")).click()
    expect(chip).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("files")


def test_it_speaks_german(page: Page, service: str) -> None:
    page.goto(f"{service}/?lang=de&q=zzz&for=sound")
    expect(page.get_by_role("searchbox")).to_have_attribute("placeholder", re.compile("Ein Satz"))
    assert page.evaluate("document.documentElement.lang") == "de"


def test_a_problem_is_told_in_the_services_words(page: Page) -> None:
    page.get_by_role("searchbox").fill("- - -")
    expect(page.get_by_role("status")).to_contain_text("That didn't work.")
