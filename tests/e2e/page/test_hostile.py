"""Nothing runs of what a collection says: its names, texts, keywords, people and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.page.conftest import until
from tests.e2e.server.conftest import serving_within
from tests.packets import alt, bag, jpeg, packet
from tests.processes import faked

SCRIPT = "<script>window.pwned='script'</script>"
IMAGE = "<img src=x onerror=\"window.pwned='img'\">"
LINK = "javascript:window.pwned='link'"
MARKS = "${window.pwned='mark'} {{constructor.constructor('window.pwned=1')()}} &lt;b&gt; %3Cb%3E"
TURNED = "\u202egpj.evil\u202c"
SAID = (SCRIPT, IMAGE, LINK, MARKS, TURNED)
NAMES = (
    "<img src=x onerror=window.pwned=1>.jpg", "<script>window.pwned=1<&script>.jpg",
    "javascript:window.pwned=1.jpg", "${window.pwned=1}{{7*7}}.jpg", f"{TURNED}.jpg",
    "100%41 #1?q=a&b=c;d+e.jpg", "\"quoted\" 'name' `tick`.jpg", "line\nbreak\ttab.jpg",
    "back\\slash.jpg", f"{'long ' * 39}.jpg", "عربي مرحبا.jpg", " [a-z]*{b}!.jpg", "a..jpg",
)  # fmt: skip
FOLDER = "<b onmouseover=window.pwned=1>[x]* %2e%2e"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=1">{SCRIPT}</svg>'
HTML = f"<!doctype html><title>{escape(SCRIPT)}</title><p>a page of gardens</p>{SCRIPT}{IMAGE}"
WATCH = """() => {
  window.broken = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection whose every name and text wants to be run."""
    root = tmp_path_factory.mktemp("hostile") / "<i>photos"
    (root / FOLDER).mkdir(parents=True)
    noted = packet(
        bag("dc:subject", *map(escape, SAID))
        + bag("Iptc4xmpExt:PersonInImage", *map(escape, SAID))
        + alt("dc:description", escape(f"a red garden {SCRIPT}")),
        'xmp:Label="&lt;s onclick=window.pwned=1&gt;" xmp:Rating="4"',
    )
    for name in NAMES:
        (root / FOLDER / name).write_bytes(jpeg(xmp=noted))
    rows = [{"image": f"{FOLDER}/{name}", "caption": f"a flower {IMAGE} {LINK}"} for name in NAMES]
    (root / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    noted_inside = Image.Exif()
    noted_inside[ExifTags.Base.ImageDescription] = f"a lake {IMAGE}"
    noted_inside[ExifTags.Base.Model] = SCRIPT
    Image.new("RGB", (60, 40), "blue").save(root / "camera.jpg", exif=noted_inside)
    Image.new("RGB", (60, 40), "green").save(root / "beside.jpg")
    (root / "beside.txt").write_text(f"a meadow {SCRIPT}\n")
    (root / "beside.jpg.xmp").write_bytes(packet(bag("dc:subject", escape(f"tag {IMAGE}"))))
    (root / "drawing.svg").write_text(SVG)
    (root / "page.html").write_text(HTML)
    (root / "notes.md").write_text(f"# {IMAGE}\n\n[a garden]({LINK}) of {SCRIPT} {MARKS}\n")
    faked("index", root, "--model", "fake:colours", "--ocr", "none", status=3)  # of "\\" in a path
    return root


@pytest.fixture(scope="module")
def tab(browser: Browser, hostile: Path) -> Iterator[Page]:
    """A tab of a service of that collection, which says what was kept from running."""
    with serving_within(hostile) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        context.set_default_timeout(20_000)
        context.add_init_script(f"({WATCH})()")
        page = context.new_page()
        page.on("dialog", lambda one: one.dismiss() or pytest.fail(f"a dialog: {one.message}"))
        page.goto(f"{address}/")
        page.wait_for_selector(".tile .there")
        yield page
        context.close()


@pytest.fixture(autouse=True)
def nothing_runs(tab: Page) -> Iterator[None]:
    yield
    assert tab.evaluate("[window.pwned, window.broken]") == [None, []]


def test_every_name_has_its_picture_and_is_shown_as_text(tab: Page, hostile: Path) -> None:
    titles = [f"{FOLDER}/{name}" for name in NAMES]
    shown = tab.locator(".tile-open").evaluate_all("(all) => all.map((one) => one.title)")
    assert set(titles) <= set(shown)
    tab.locator("aside.filters legend").first.wait_for()
    for tag in ("script", "s", "b", "i"):
        assert tab.locator(f"#app {tag}:not(.tile-words b):not(.evidence i)").count() == 0, tag
    until(tab, f"document.querySelectorAll('.tile .there').length >= {len(NAMES)}")
    until(tab, "[...document.querySelectorAll('.tile canvas')].every((one) => one.width > 12)")


def test_every_file_opens_and_is_given(tab: Page) -> None:
    tab.locator(".tile-open").first.click()
    viewer = tab.get_by_role("dialog")
    panel = tab.get_by_role("complementary", name="About it")
    after = viewer.get_by_role("button", name="Next")
    seen = set()
    while True:
        panel.wait_for()
        seen.add(panel.locator(".panel-path").text_content())
        href = panel.get_by_role("link", name="Download").get_attribute("href")
        told = tab.evaluate("async (to) => (await fetch(to, { method: 'GET' })).status", href)
        assert told == 200
        if not after.is_enabled():
            break
        after.click()
    assert {f"{FOLDER}/{name}" for name in NAMES} <= seen
    tab.keyboard.press("Escape")


@pytest.mark.parametrize("query", ["a flower", "a garden", SCRIPT, IMAGE, "${window.pwned=1}"])
def test_a_search_shows_captions_and_texts_as_text(tab: Page, query: str) -> None:
    tab.goto(f"{tab.url.partition('?')[0]}?q={quote(query)}")
    expect(tab.get_by_role("searchbox")).to_have_value(query)
    expect(tab.get_by_role("status")).not_to_contain_text("Searching")
    tab.locator(".tile-open").first.click()
    panel = tab.get_by_role("complementary", name="About it")
    panel.wait_for()
    tab.wait_for_timeout(200)
    assert tab.locator("#app script, #app .panel img, #app a[href^=javascript]").count() == 0
    tab.keyboard.press("Escape")


@pytest.mark.parametrize(
    "name",
    [
        "people",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("keywords", "labels", "folders")),
    ],
)
def test_what_is_noted_narrows_literally(tab: Page, name: str) -> None:
    tab.goto(tab.url.partition("?")[0])
    title = {"people": "People", "keywords": "Keywords", "labels": "Labels", "folders": "Folders"}
    facet = tab.get_by_role("group", name=title[name])
    choice = facet.get_by_role("checkbox").first
    choice.check()
    expect(tab.get_by_role("status")).to_have_text(f"{len(NAMES)} files")
    expect(facet.get_by_role("checkbox").first).to_be_checked()
    tab.reload()
    expect(facet.get_by_role("checkbox").first).to_be_checked()


@pytest.mark.parametrize(
    "search", ["q=" + quote(SCRIPT), "part=" + quote(f"more:1:text:{IMAGE}"), "order=%3Cscript%3E",
               "store=" + quote(SCRIPT), "for=" + quote(IMAGE), "path=" + quote(SCRIPT),
               "since=" + quote(SCRIPT), "lang=../../x", "part=more:1:item:9007199254740993",
               "near=" + quote(IMAGE), f"q=a#{SCRIPT}", f"#{IMAGE}", "lang=" + quote(SCRIPT)]
)  # fmt: skip
def test_an_address_runs_nothing(tab: Page, search: str) -> None:
    tab.goto(f"{tab.url.partition('?')[0]}?{search}")
    expect(tab.get_by_role("status")).not_to_contain_text("Searching")
    assert tab.locator("#app script, .status img, .bar .chip img[onerror]").count() == 0


def test_drawings_and_pages_of_a_collection_are_only_saved(tab: Page) -> None:
    tab.goto(f"{tab.url.partition('?')[0]}?q=a+page+of+gardens")
    tab.locator(".tile-open[title^='page.html']").first.wait_for()
    numbers = tab.evaluate(
        "async () => (await (await fetch('v1/items?limit=100')).json()).hits.map((one) => one.item)"
    )
    types = tab.evaluate(
        """async (numbers) => Promise.all(numbers.map(async (one) => {
          const { headers } = await fetch(`v1/items/${one}/media`);
          return [headers.get("content-type"), headers.get("content-security-policy"),
                  headers.get("content-disposition").split(";")[0]];
        }))""",
        numbers,
    )
    assert {kind for kind, _, _ in types} <= {"image/jpeg", "application/octet-stream"}
    assert {policy for _, policy, _ in types} == {"default-src 'none'; sandbox"}
    assert {how for kind, _, how in types if kind != "image/jpeg"} == {"attachment"}


def test_what_is_noted_in_and_beside_a_picture_is_shown_as_text(tab: Page) -> None:
    for query, name, said in (("a lake", "camera.jpg", IMAGE), ("a meadow", "beside.jpg", SCRIPT)):
        tab.goto(f"{tab.url.partition('?')[0]}?q={quote(query)}")
        tab.locator(f".tile-open[title^='{name}']").first.click()
        panel = tab.get_by_role("complementary", name="About it")
        expect(panel).to_contain_text(said)
        assert tab.locator("#app script, #app .panel img").count() == 0
        tab.keyboard.press("Escape")


def test_suggestions_and_proposals_are_texts(tab: Page) -> None:
    tab.goto(tab.url.partition("?")[0].partition("#")[0])
    field = tab.get_by_role("searchbox")
    for typed in ("<scr", "<img", "javascr", "tag <"):
        field.fill("")
        field.press_sequentially(typed, delay=20)
        tab.locator(".suggested li").first.wait_for()
        assert tab.locator(".suggested script, .suggested img").count() == 0, typed
    tab.goto(tab.url.partition("?")[0].partition("#")[0])  # what is chosen goes with what it was of
    tab.wait_for_selector(".tile .there")
    tab.get_by_role("checkbox", name="Choose beside.jpg").click()
    tab.get_by_role("button", name="Label …").click()
    sheet = tab.get_by_role("dialog", name="Labels and captions")
    sheet.get_by_role("textbox").fill(f"{IMAGE}, {SCRIPT}, green")
    sheet.get_by_role("button", name="Propose").click()
    sheet.get_by_role("listitem").first.wait_for()
    assert tab.locator("#app script, .proposed img[onerror]").count() == 0
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
