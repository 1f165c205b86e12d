"""How the page scrolls through many thumbnails: how long nothing is seen, and what the tab holds.

    python -m scripts.bench.page_scroll [FOLDER] [--count 20000] [--cold]

Makes a collection of drawn photographs where FOLDER has none. Three things are told of the screens
that are passed: how long none had a picture that was loaded; how long some had neither a picture
nor what the index knows of one, drawn in its place, which is what "blank" means; and which share of
the tiles that were seen had their pictures. `--cold` keeps no thumbnails, so that each is made from
its file; without it those of the first screens have to be made unless somebody was there before.
Memory is the unshared memory of the browser's processes that show pages.
"""

from __future__ import annotations

import argparse
import colorsys
import json
import tempfile
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from cmsearch.models.encoders.lite_recipe import SPACE
from cmsearch.store.store import DIRECTORY, Store
from scripts.bench import big_store
from scripts.served_pictures import serving
from tests.chromium import found

STEPS = 150
WATCH = """() => {
  window.seen = { bare: 0, blank: 0, since: {}, frames: 0, slow: 0, last: performance.now(),
                  tiles: 0, passed: 0, loaded: 0 };
  const look = (now) => {
    const own = window.seen;
    own.frames += 1;
    if (now - own.last > 50) own.slow += 1;
    own.last = now;
    const tiles = [...document.querySelectorAll(".tile")];
    const seen = tiles.filter((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return bottom > 150 && top < innerHeight;
    });
    const isLoaded = (one) => one.querySelector(".there") !== null;
    own.tiles = Math.max(own.tiles, tiles.length);
    own.passed += seen.length;
    own.loaded += seen.filter(isLoaded).length;
    const isThere = { bare: seen.some(isLoaded),
                      blank: seen.some((one) => isLoaded(one) || one.querySelector(".foreseen")) };
    for (const [name, is] of Object.entries(isThere)) {
      if (is) own.since[name] = null;
      else own[name] = Math.max(own[name], now - (own.since[name] ??= now));
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description="How the page scrolls through many thumbnails.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--cold", action="store_true", help="make each thumbnail anew")
    given = parser.parse_args()
    options = ("--thumbnails-mb", "0") if given.cold else ()
    program = found()
    if program is None:
        raise SystemExit("There is no Chromium; install one, or name it by CHROMIUM.")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = given.folder or Path(scratch, "photos")
        made(folder, given.count)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with serving(folder, *options) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.wait_for_selector(".tile .there")
            told = {
                "steady": scrolled(page, lambda step: 900),
                "jumps": scrolled(page, lambda step: 60_000 if step % 10 == 0 else 900),
            }
        browser.close()
    print(json.dumps(told, indent=2))


def made(folder: Path, count: int) -> None:
    """A collection of drawn photographs, with vectors of no picture."""
    if (folder / DIRECTORY).exists():
        return
    big_store.fill(folder, count, SPACE)
    with Store(folder / DIRECTORY) as store:
        store.publish()
    for number in range(count):
        path = folder / big_store.path_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = tuple(int(255 * one) for one in colorsys.hsv_to_rgb(number % 97 / 97, 0.5, 0.8))
        size = (480, 320) if number % 5 else (320, 480)
        image = Image.new("RGB", size, colour)
        ImageDraw.Draw(image).text((20, 20), str(number), "white", font_size=64)
        image.save(path, quality=80)


def scrolled(page: Page, length: Any) -> dict[str, Any]:
    """What was seen while scrolling: a step each 100 ms, which is 9 screens in a second."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    before = _memory()
    page.evaluate(WATCH)
    page.mouse.move(640, 400)
    for step in range(STEPS):
        page.mouse.wheel(0, length(step))
        page.wait_for_timeout(100)
    seen = page.evaluate("window.seen")
    return {
        "longest blank, ms": round(seen["blank"]),
        "longest without a loaded picture, ms": round(seen["bare"]),
        "tiles with their pictures, %": round(100 * seen["loaded"] / max(1, seen["passed"])),
        "frames": seen["frames"],
        "frames over 50 ms": seen["slow"],
        "tiles at once": seen["tiles"],
        "scrolled to": page.evaluate("scrollY"),
        "MB before": before,
        "MB after": _memory(),
        "heap MB": round(page.evaluate("performance.memory.usedJSHeapSize") / 1e6, 1),
    }


def _memory() -> float:
    """The unshared memory of the browser's processes that show pages, in MB."""
    shown = [
        one
        for one in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(one.cmdline())
    ]
    return round(sum(one.memory_full_info().uss for one in shown) / 1e6, 1)


if __name__ == "__main__":
    main()
