"""What stands in and behind a result, and what is new: lines of text, copies, pages, indexing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from cmsearch.models.ocr import rapid
from tests.commands import cmsearch
from tests.documents import lines, pdf
from tests.e2e.page.conftest import check_axe, until
from tests.e2e.server.conftest import answering
from tests.processes import ROOT, started
from tests.signs import sign

PHOTOS = ROOT / "sample_data" / "photos"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat in three sizes and a sign, indexed with the text in them, if it can be read."""
    place = tmp_path_factory.mktemp("more") / "own"
    place.mkdir()
    shutil.copy(PHOTOS / "tabby_cat.jpg", place)
    with Image.open(PHOTOS / "tabby_cat.jpg") as picture:
        for share in (2, 3):
            picture.resize((picture.width // share, picture.height // share)).save(
                place / f"cat{share}.png"
            )
    texts = ("Seville oranges are peeled.", "Boiling hot it goes into jars.", "Labels.")
    (place / "notes.pdf").write_bytes(pdf(*map(lines, texts)))
    sign("GOLDEN HARBOUR", "quiet museum").save(place / "sign.png")
    ocr = "auto" if rapid.is_installed() else "none"
    result = cmsearch("index", place, "--model", "lite", "--ocr", ocr)
    assert result.returncode == 0, result.stderr
    return place


@pytest.fixture
def page(tab: Page) -> Page:
    """A tab in which each test opens what it is about."""
    return tab


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    """Where a service of that folder answers."""
    with started("serve", folder, "--port", "0", "--no-open") as process:
        try:
            yield answering(process)
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")
def test_lines_of_text_are_marked_and_zoomed_with_the_picture(page: Page, service: str) -> None:
    page.goto(f"{service}/?q=golden+harbour")
    page.locator("button[title='sign.png']").click()
    line = page.get_by_role("button", name="GOLDEN HARBOUR")
    line.click()
    lit = page.locator(".marks .lit")
    expect(lit).to_have_count(1)
    expect(page.locator(".marks polygon")).to_have_count(2)
    picture = page.locator(".pswp__img:not(.pswp__img--placeholder)").first

    def share() -> list[float]:
        outer, inner = picture.bounding_box(), lit.bounding_box()
        assert outer and inner
        return [(inner["y"] - outer["y"]) / outer["height"], inner["width"] / outer["width"]]

    before = share()
    assert before[0] == pytest.approx(20 / 180, abs=0.06)
    page.locator(".stage").dblclick(position={"x": 300, "y": 300})
    page.wait_for_timeout(500)
    assert share() == pytest.approx(before, abs=0.03)
    line.click()
    expect(lit).to_have_count(0)


def test_a_stack_opens_and_each_of_it_is_seen_and_chosen(page: Page, service: str) -> None:
    page.goto(f"{service}/?q=a+tabby+cat")
    page.locator(".tile-stack").first.wait_for()
    expect(page.locator(".tile-stack").first).to_have_text("3")
    page.locator(".tile-stack").first.click()
    strip = page.get_by_role("group", name="2 more that are alike")
    strip.get_by_role("button", name="cat3.png").click()
    expect(strip.get_by_role("button")).to_have_count(3)
    dialog = page.get_by_role("dialog", name="cat3.png")
    expect(dialog.get_by_role("complementary")).to_contain_text("150 × 100")
    until(
        page, "document.querySelector('.pswp__item[aria-hidden=false] img')?.src.includes('media')"
    )
    strip.get_by_role("checkbox", name="Choose cat2.png").click()
    strip.get_by_role("checkbox", name="Choose cat3.png").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_contain_text("2 chosen")


def test_what_is_new_is_indexed_from_the_page_and_found(
    page: Page, service: str, folder: Path
) -> None:
    page.goto(f"{service}/?q=a+honey+bee")
    page.locator(".tile .there").first.wait_for()
    expect(page.locator("button[title='bee.jpg']")).to_have_count(0)
    shutil.copy(PHOTOS / "honey_bee.jpg", folder / "bee.jpg")
    (folder / "<img src=x onerror=alert(1)>.jpg").write_bytes(b"no picture")
    held: list[Route] = []
    page.route("**/v1/index/*/events", lambda route: held.append(route))
    page.get_by_role("button", name="Bring up to date").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(page.get_by_role("progressbar", name="Indexing")).to_be_visible()
    check_axe(page)
    page.set_viewport_size({"width": 390, "height": 800})
    check_axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 800})
    held[0].continue_()
    first = page.get_by_role("listitem").first.get_by_role("button").first
    expect(first).to_have_attribute("title", "bee.jpg", timeout=180_000)
    expect(page.get_by_role("button", name="Bring up to date")).to_be_focused()
    page.get_by_role("button", name="1 file left out").click()
    sheet = page.get_by_role("dialog", name="1 file left out")
    expect(sheet).to_contain_text("<img src=x onerror=alert(1)>.jpg")
    expect(sheet).to_contain_text("not a picture")
    check_axe(page)
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


def test_a_document_opens_at_its_page_with_the_words_marked(page: Page, service: str) -> None:
    page.goto(f"{service}/?q=boiling+orange+jars&for=text")
    page.locator("button[title^='notes.pdf']").first.click()
    pages = page.get_by_role("dialog").get_by_role("group", name="Pages")
    pages.wait_for()
    expect(pages).to_contain_text("Page 2 of 3")
    words = page.locator(".pswp__item[aria-hidden=false] .sought")
    expect(words).to_have_count(2)
    picture = page.locator(".pswp__item[aria-hidden=false] .pswp__img").last
    picture.evaluate("(one) => one.decode()")
    outer, inner = picture.bounding_box(), words.first.bounding_box()
    assert outer and inner
    assert outer["height"] / outer["width"] == pytest.approx(842 / 595, abs=0.02)
    assert (inner["x"] - outer["x"]) / outer["width"] == pytest.approx(72 / 595, abs=0.02)
    assert (inner["y"] - outer["y"]) / outer["height"] == pytest.approx(62 / 842, abs=0.02)
    check_axe(page)
    pages.get_by_role("button", name="Next page").click()
    expect(pages).to_contain_text("Page 3 of 3")
    expect(words).to_have_count(0)
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    expect(pages).to_contain_text("Page 1 of 3")
    before = pages.get_by_role("button", name="Previous page")
    expect(before).to_have_attribute("aria-disabled", "true")
    expect(words).to_have_count(1)


def test_labels_are_written_only_where_they_are_accepted(
    page: Page, service: str, folder: Path
) -> None:
    page.goto(f"{service}/?q=a+tabby+cat")
    page.locator("button[title='tabby_cat.jpg']").click()
    page.get_by_role("button", name="Label …").click()
    sheet = page.get_by_role("dialog", name="Labels and captions")
    sheet.get_by_role("textbox").fill("cat, bicycle, <img src=x onerror=alert(1)>")
    sheet.get_by_role("button", name="Propose").click()
    cat = sheet.get_by_role("button", name="cat", exact=False).first
    expect(cat).to_have_attribute("title", "Accept “cat”")
    assert not list(folder.glob("*.xmp"))
    cat.click()
    expect(cat).to_have_attribute("aria-pressed", "true")
    assert "<rdf:li>cat</rdf:li>" in (folder / "tabby_cat.jpg.xmp").read_text()
    assert [one.name for one in folder.glob("*.xmp")] == ["tabby_cat.jpg.xmp"]
    sheet.get_by_role("button", name="Bring up to date").click()
    page.keyboard.press("Escape")
    keywords = page.get_by_role("group", name="Keywords")
    expect(keywords.get_by_role("checkbox", name="cat")).to_be_visible(timeout=60_000)
