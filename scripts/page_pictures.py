"""Draw docs/images/sheet.jpg and map.jpg: a contact sheet and a map of the sample data.

    python -m scripts.page_pictures [FOLDER]

They are what a headless Chromium shows; CHROMIUM names one that isn't on the path.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

import cmsearch
from cmsearch.show.contact_sheet import write_sheet
from cmsearch.show.html_pages import write_page
from cmsearch.show.map_page import chart, gather
from cmsearch.store.store import Store, find
from indexer import Indexer
from tests.chromium import Chromium, found

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"
IMAGES = ROOT / "docs" / "images"
QUERY = "animals outdoors"
HITS = 12
MARKED = (2, 4)
SIZE = (1200, 780)
QUALITY = 86


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    program = found()
    if program is None:
        sys.exit("There is no Chromium; install one, or name it by CHROMIUM.")
    with tempfile.TemporaryDirectory() as place, Chromium(program, SIZE) as browser:
        folder = Path(place, "sample_data")
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(".cmsearch", "media"))
        Indexer(folder, model="lite").run()
        _write_pages(folder)
        browser.prefer("light")
        browser.open(folder / "sheet.html")
        for number in MARKED:
            browser.value(f"document.querySelectorAll('.mark input')[{number}].click()")
        _save(browser, target / "sheet.jpg")
        browser.prefer("dark")
        browser.open(folder / "map.html")
        browser.wait("atlases.every((one) => one.complete && one.naturalWidth)")
        kitten = "data.paths.indexOf('photos/calico_kitten.jpg')"
        x, y = browser.value(f"[toX(places[2 * {kitten}]), toY(places[2 * {kitten} + 1])]")
        browser.mouse("mouseMoved", x, y)
        _save(browser, target / "map.jpg")


def _write_pages(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        hits = engine.search(QUERY, target="image", k=HITS)
    write_sheet(folder / "sheet.html", f"“{QUERY}”", hits)
    with Store(find(folder)) as store:
        write_page(folder / "map.html", chart(gather(store), folder=folder))


def _save(browser: Chromium, path: Path) -> None:
    browser.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 300)))")
    save(browser.screenshot(), path)


def save(screenshot: bytes, path: Path) -> None:
    """Write a screenshot as a JPEG file for the docs."""
    with Image.open(BytesIO(screenshot)) as image:
        image.convert("RGB").save(path, quality=QUALITY, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
