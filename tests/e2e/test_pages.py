"""Contact sheets and maps in a browser: whole, quiet, and usable by mouse and keyboard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmsearch.show.contact_sheet import write_sheet
from cmsearch.types import Hit, Modality
from tests.builders import write_files, write_picture
from tests.chromium import Chromium, found
from tests.commands import called

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    program = found()
    if program is None:
        pytest.skip("no Chromium is installed; CHROMIUM may name one")
    with Chromium(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def map_page(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("map") / "map.html"
    result = called("map", page, "--store", sample)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"23 pictures in {page}, ")
    return page


@pytest.fixture(scope="module")
def sheet_page(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All photographs, one that is gone, and a passage."""
    photos = sorted((sample / "photos").glob("*.jpg"))
    hits = [picture(rank, path) for rank, path in enumerate([*photos, sample / "gone.jpg"], 1)]
    note = sample / "notes" / "visiting.md"
    words = Hit(25, 0.1, note, "notes/visiting.md:3", Modality.TEXT, "passage", "It rained.")
    page = tmp_path_factory.mktemp("sheet") / "sheet.html"
    write_sheet(page, "“everything”", [*hits, words])
    return page


def picture(rank: int, path: Path, text: str | None = None) -> Hit:
    kind, modality = ("caption", Modality.TEXT) if text else ("photo", Modality.IMAGE)
    return Hit(rank, 0.9, path, path.name, modality, kind, text, relevance=1 / rank)


def assert_quiet(browser: Chromium, page: Path) -> None:
    """Nothing but the page itself was asked for, and nothing complained of."""
    browser.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []


def middle(browser: Chromium, selector: str) -> tuple[float, float]:
    box = browser.value(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )
    return box[0], box[1]


def place_of(browser: Chromium, number: int) -> tuple[float, float]:
    """Where on the screen the map draws a picture."""
    x, y = browser.value(f"[toX(places[{2 * number}]), toY(places[{2 * number + 1}])]")
    return x, y


def test_a_request_and_an_error_would_be_noticed(browser: Chromium, tmp_path: Path) -> None:
    text = "<img src='http://127.0.0.1:9/a.png'><script>nothing.at.all</script>"
    page = write_files(tmp_path, {"a.html": text}) / "a.html"
    browser.open(page)
    assert "http://127.0.0.1:9/a.png" in browser.requests()
    assert any("nothing is not defined" in one for one in browser.complaints())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_sheet_shows_every_picture_and_asks_for_nothing(
    browser: Chromium, sheet_page: Path, scheme: str
) -> None:
    browser.prefer(scheme)
    browser.open(sheet_page)
    assert browser.value("document.querySelectorAll('.card').length") == 25
    assert browser.value("[...document.images].filter((one) => one.naturalWidth).length") == 23
    assert "No such file" in browser.value("document.querySelector('.missing').innerText")
    assert browser.value("document.querySelector('.words').innerText").startswith("It rained.")
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(245, 244, 241)", "dark": "rgb(19, 18, 17)"}[scheme]
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    assert_quiet(browser, sheet_page)


def test_a_picture_of_a_sheet_is_enlarged_and_turned_over(
    browser: Chromium, sheet_page: Path
) -> None:
    browser.open(sheet_page)
    browser.click(*middle(browser, ".card .open"))
    assert browser.value("large.open && place.innerText").endswith("/astronaut.jpg")
    assert browser.value("place.href").endswith("/photos/astronaut.jpg")
    for key, name in (("ArrowRight", "autumn_meadow"), ("ArrowLeft", "astronaut")):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        assert browser.value("place.innerText").endswith(f"/{name}.jpg")
    browser.click(*middle(browser, "#close"))
    assert browser.value("document.getElementById('large').open") is False
    assert_quiet(browser, sheet_page)


def test_marked_paths_of_a_sheet_are_copied(browser: Chromium, sheet_page: Path) -> None:
    browser.open(sheet_page)
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    browser.call("Browser.grantPermissions", permissions=permissions)
    assert browser.value("tray.hidden") is True
    for number in (1, 2):
        browser.click(*middle(browser, f".card:nth-of-type({number}) .mark"))
    assert browser.value("document.getElementById('count').innerText") == "2 marked"
    browser.click(*middle(browser, "#copy"))
    browser.wait("document.getElementById('copy').innerText === 'Copied'")
    copied = browser.value("navigator.clipboard.readText()").split("\n")
    assert [Path(path).name for path in copied] == ["astronaut.jpg", "autumn_meadow.jpg"]
    browser.click(*middle(browser, "#clear"))
    assert browser.value("tray.hidden") is True
    assert_quiet(browser, sheet_page)


def test_a_map_zooms_moves_and_tells_what_is_under_the_mouse(
    browser: Chromium, map_page: Path
) -> None:
    browser.open(map_page)
    browser.wait("atlases.every((one) => one.complete && one.naturalWidth)")
    bee = browser.value("data.paths.indexOf('photos/honey_bee.jpg')")
    here = place_of(browser, bee)
    x, y = map(round, here)  # a mouse is at whole pixels, and what lies beside it moves away
    browser.mouse("mouseMoved", x, y)
    assert "honey bee gathers nectar" in browser.value("document.getElementById('hint').innerText")
    before = browser.value("view.scale")
    for _ in range(8):
        browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-240)
    times = browser.value("view.scale") / before
    assert times > 2
    there = [at + times * (place - at) for at, place in zip((x, y), here, strict=True)]
    assert place_of(browser, bee) == pytest.approx(there, abs=1)
    browser.mouse("mousePressed", x, y, button="left", clickCount=1)
    browser.mouse("mouseMoved", x + 100, y + 50, button="left", buttons=1)
    browser.mouse("mouseReleased", x + 100, y + 50, button="left", clickCount=1)
    assert place_of(browser, bee) == pytest.approx([there[0] + 100, there[1] + 50], abs=1)
    assert browser.value("document.getElementById('large').open") is False
    browser.click(*middle(browser, "#all"))
    assert browser.value("view.scale") == pytest.approx(before)
    assert_quiet(browser, map_page)


def test_a_picture_of_a_map_is_enlarged_and_linked(
    browser: Chromium, map_page: Path, sample: Path
) -> None:
    browser.open(map_page)
    browser.wait("atlases.every((one) => one.complete && one.naturalWidth)")
    browser.click(*place_of(browser, browser.value("data.paths.indexOf('photos/honey_bee.jpg')")))
    assert browser.value("large.open && captions.innerText").startswith("A honey bee")
    browser.wait("picture.naturalWidth > 400")
    assert browser.value("place.href") == (sample / "photos" / "honey_bee.jpg").as_uri()
    assert_quiet(browser, map_page)


def test_a_map_draws_every_picture_and_pales_what_is_not_looked_for(
    browser: Chromium, map_page: Path
) -> None:
    """Told by the pixels in the middle of each picture."""
    count = """(() => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const pixels = copy.getContext('2d', {willReadFrequently: true});
        pixels.drawImage(canvas, 0, 0);
        return Array.from({length: count}, (_, i) => pixels.getImageData(
            toX(places[2 * i]) * devicePixelRatio, toY(places[2 * i + 1]) * devicePixelRatio, 1, 1
        ).data[3]).filter((alpha) => alpha === 255).length})()"""
    browser.open(map_page)
    browser.wait(f"{count} === 23")
    browser.click(*middle(browser, "#find"))
    browser.call("Input.insertText", text="Honey  bee")
    browser.wait(f"{count} === 1")
    assert_quiet(browser, map_page)


@pytest.mark.parametrize("kind", ["sheet", "map"])
def test_hostile_names_and_captions_are_text(
    browser: Chromium, tmp_path: Path, fake_model: str, kind: str
) -> None:
    from indexer import Indexer

    evil = tmp_path / "<" / "script><img src=x onerror=alert(1)>.png"
    shutil.move(write_picture(tmp_path / "<" / "a.png"), evil)
    line = json.dumps({"image": str(evil.relative_to(tmp_path)), "caption": EVIL})
    write_files(tmp_path, {"captions.jsonl": line})
    page = tmp_path / f"{kind}.html"
    if kind == "sheet":
        write_sheet(page, EVIL, [picture(1, evil, EVIL)])
    else:
        from cmsearch.show.html_pages import write_page
        from cmsearch.show.map_page import chart, gather
        from cmsearch.store.store import Store, find

        Indexer(tmp_path, model=fake_model).run()
        with Store(find(tmp_path)) as store:
            write_page(page, chart(gather(store), folder=tmp_path))
    browser.open(page)
    if kind == "map":
        browser.wait("atlases[0].complete")
        browser.click(*place_of(browser, 0))
    shown = browser.value("document.body.innerText")
    assert EVIL in shown
    assert f"<{EVIL[1:]}.png" in shown or kind == "sheet"
    assert browser.value("[...document.images].every((one) => !one.src.endsWith('x'))")
    assert browser.value("document.scripts.length") == (1 if kind == "sheet" else 2)
    assert_quiet(browser, page)


@pytest.mark.parametrize(
    ("file", "said"),
    [("none/map.html", "can't be written"), ("map.png", ".html"), ("mine.html", "no page of")],
)
def test_a_map_is_not_drawn_where_it_cannot_be_written(
    sample: Path, tmp_path: Path, file: str, said: str
) -> None:
    write_files(tmp_path, {"mine.html": "mine"})
    result = called("map", file, "--store", sample, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]


def test_of_many_pictures_a_map_says_that_it_shows_a_sample(sample: Path, tmp_path: Path) -> None:
    result = called("map", "a.html", "--store", sample, "--limit", 5, cwd=tmp_path)
    assert result.returncode == 0
    assert "A sample of 5 of the 23 pictures" in result.stderr
    assert result.stdout.startswith("5 pictures in a.html")
