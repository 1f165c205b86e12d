"""Names and texts that read from right to left, among others that don't."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.server.conftest import serving_within
from tests.packets import bag, jpeg, packet
from tests.processes import faked

FOLDER, NAME, KEYWORD = "صور", "قطة 3", "قطة"  # short, so that no line is broken
TEXT = "חתול לבן ישן (sleep) בחורף! 1, 2, 3."
# Of each part of a name where its middle is drawn.
MIDDLES = """(all) => all.map((one) => {
  const { left, right } = one.getBoundingClientRect();
  return [one.textContent, (left + right) / 2];
})"""
# How far what is written is from both sides of its element.
MARGINS = """(one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const [inner, outer] = [range.getBoundingClientRect(), one.getBoundingClientRect()];
  return [inner.left - outer.left, outer.right - inner.right];
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture and a text, whose names, caption and keyword are Arabic and Hebrew."""
    root = tmp_path_factory.mktemp("directions")
    (root / FOLDER).mkdir()
    picture = root / FOLDER / f"{NAME}.jpg"
    picture.write_bytes(jpeg(xmp=packet(bag("dc:subject", KEYWORD))))
    row = {"image": f"{FOLDER}/{NAME}.jpg", "caption": "قطة رمادية بجانب Canon EOS R5!"}
    (root / "captions.jsonl").write_text(json.dumps(row), "utf-8")
    (root / "הערות.txt").write_text(TEXT, "utf-8")
    faked("index", root, "--model", "fake:colours", "--ocr", "none")
    return root


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    with serving_within(folder) as address:
        yield address


def drawn(parts: Locator) -> list[str]:
    """What stands in each part, from left to right."""
    return [text for text, _ in sorted(parts.evaluate_all(MIDDLES), key=lambda one: one[1])]


def test_texts_begin_at_the_right_and_names_keep_their_order(page: Page, service: str) -> None:
    text = page.locator(".tile-words span").filter(has_text=TEXT)
    left, right = text.evaluate(MARGINS)
    assert left > right
    name = page.locator(".tile-words b bdi bdi")
    assert drawn(name) == ["הערות", "txt"]
    page.get_by_role("group", name="Keywords").get_by_role("checkbox").check()
    expect(page.locator(".applied")).to_contain_text(f"Keywords: \u2068{KEYWORD}\u2069")
    page.locator(".tile-open[title$='.jpg']").click()
    path = page.locator(".panel-path")
    expect(path).to_have_text(f"{FOLDER}/{NAME}.jpg")
    assert drawn(path.locator("bdi bdi")) == [FOLDER, NAME, "jpg"]
    expect(page.locator(".viewer-name")).to_have_text(f"{NAME}.jpg")


def test_a_text_keeps_its_direction_below_a_name_of_another(page: Page) -> None:
    page.locator(".tile-open").filter(has_text=TEXT).click()
    passage = page.locator(".pswp__item[aria-hidden=false] .passage")
    assert passage.locator("p").evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    assert passage.locator("h2").evaluate("(one) => getComputedStyle(one).direction") == "ltr"
