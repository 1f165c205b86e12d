"""How soon the page shows the first result after the last key, for queries typed as people type.

    python -m scripts.bench.page_speed FOLDER [--delay 130]

FOLDER is indexed. A result is on screen with the frame after the one in which it was put into the
document; pictures, which come one by one, are told apart. Each query begins with an empty field.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from scripts.served_pictures import serving
from tests.chromium import found

QUERIES = (
    "a cat", "two dogs playing", "red flower", "mountains in snow", "a boat on the sea",
    "people at a table", "old church", "city at night", "honey bee", "children on a beach",
    "a cup of coffee", "train station", "sunset", "birds in a tree", "a blue car",
    "market with fruit", "bicycle by a wall", "bridge over a river", "a man with a hat", "garden",
)  # fmt: skip
WATCH = """() => {
  const main = document.querySelector("main");
  const begin = ({ timeStamp }) => (window.told = { key: timeStamp, tile: 0, picture: 0 });
  begin({ timeStamp: 0 });
  addEventListener("input", begin, true);
  new MutationObserver(() => {
    const own = window.told;
    if (own.put || !main.querySelector(".tile-open")) return;
    own.put = true;
    requestAnimationFrame(() => requestAnimationFrame((now) => (own.tile = now)));
  }).observe(main, { subtree: true, childList: true, attributeFilter: ["title"] });
  new MutationObserver((changes) => {
    const isThere = changes.some(({ target }) => target.matches(".there"));
    if (told.put && isThere) told.picture ||= performance.now();
  }).observe(main, { subtree: true, attributeFilter: ["class"] });
}"""
"""The first change of the tiles after a key: searches for what was typed before are dropped."""


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon the page shows the first result.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--delay", type=int, default=130, help="milliseconds between keys")
    given = parser.parse_args()
    program = found()
    if program is None:
        raise SystemExit("There is no Chromium; install one, or name it by CHROMIUM.")
    with sync_playwright() as playwright, serving(given.folder) as address:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.wait_for_selector(".tile-open")
        page.evaluate(WATCH)
        told = [typed(page, query, given.delay) for query in ("warm up", *QUERIES)][1:]
        browser.close()
    print(json.dumps({name: _told([one[name] for one in told]) for name in told[0]}, indent=2))


def typed(page: Page, query: str, delay: int) -> dict[str, float | None]:
    """Milliseconds from the last key to the first result, and to its first picture."""
    field = page.get_by_role("searchbox")
    field.fill("")
    page.wait_for_timeout(600)
    field.press_sequentially(query, delay=delay)
    page.wait_for_timeout(1500)
    seen = page.evaluate("window.told")
    times = {"first result, ms": seen["tile"], "first picture, ms": seen["picture"]}
    # Where the results are those of the word before, nothing changes.
    return {name: time - seen["key"] if time else None for name, time in times.items()}


def _told(values: list[Any]) -> dict[str, float] | None:
    known = sorted(one for one in values if one is not None)
    if not known:
        return None
    return {"median": round(statistics.median(known)), "worst": round(known[-1]), "of": len(known)}


if __name__ == "__main__":
    main()
