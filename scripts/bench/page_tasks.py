"""Twelve tasks as a person would do them on the page, with the clicks and the keys that each takes.

    python -m scripts.bench.page_tasks [FOLDER]

FOLDER is an indexed copy of `sample_data` with a `sign.png` of tests/signs.py, which is made where
none is given. The table is that of docs/page.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from scripts.page_pictures import SAMPLE
from scripts.served_pictures import run, serving
from tests.chromium import found
from tests.signs import sign

SIGN = ("GOLDEN HARBOUR", "quiet museum")


class Hand:
    """Does things on a page, and counts them."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.clicks = self.keys = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def type(self, text: str) -> None:
        """Write into the field, which has the focus when the page opens, and wait for results."""
        self.page.keyboard.type(text, delay=20)
        self.page.locator(".least").wait_for()
        self.page.locator("main[aria-busy=false]").wait_for()
        self.keys += len(text)

    def see(self, name: str) -> Locator:
        """A result, once it is there."""
        tile = self.page.locator(f".tile-open[title*='{name}']").first
        tile.wait_for()
        return tile

    def named(self, role: str, name: str) -> Locator:
        return self.page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]


def by_words(hand: Hand) -> None:
    hand.type("a cat")
    hand.see("cat.jpg")


def by_picture(hand: Hand) -> None:
    photo = hand.folder / "photos" / "tabby_cat.jpg"
    hand.page.locator("input[type=file]").set_input_files(photo)
    hand.clicks += 1  # it is dropped
    hand.see("cat.jpg")


def without(hand: Hand) -> None:
    hand.type("flower - bee")
    hand.see("photos/")


def without_at_all(hand: Hand) -> None:
    hand.type("flower NOT bee")
    hand.page.keyboard.press("Enter")
    hand.keys += 1
    hand.page.locator(".chip.not").wait_for()
    hand.see("photos/")


def line_in_picture(hand: Hand) -> None:
    hand.type("golden harbour")
    hand.click(hand.see("sign.png"))
    hand.click(hand.named("button", SIGN[0]))
    hand.page.locator(".marks .lit").wait_for()


def of_a_day(hand: Hand) -> None:
    for _ in range(3):  # a year, a month, a day
        hand.click(hand.page.locator(".bars button").last)
        hand.page.wait_for_timeout(500)
    hand.page.locator(".status .applied").wait_for()


def of_a_folder(hand: Hand) -> None:
    hand.click(hand.page.get_by_role("checkbox", name="photos").first)
    hand.page.locator(".status .applied").wait_for()


def like_two(hand: Hand) -> None:
    for name in ("tabby_cat.jpg", "astronaut.jpg"):
        hand.see(name).hover()
        hand.click(hand.page.get_by_role("checkbox", name=f"Choose {name}"))
    hand.click(hand.named("button", "More like these"))
    hand.page.locator(".chip").nth(1).wait_for()


def moment(hand: Hand) -> None:
    hand.type("a sunset")
    hand.click(hand.see("journey.mp4"))
    hand.page.locator("[aria-hidden=false] video").wait_for()


def written(hand: Hand) -> None:
    hand.type("boiling marmalade")
    hand.click(hand.see("marmalade"))
    hand.page.get_by_role("dialog").wait_for()


def five_as_zip(hand: Hand) -> None:
    choices = hand.page.locator(".tile-choose")
    choices.first.hover()
    hand.click(choices.first)
    hand.page.keyboard.down("Shift")
    hand.click(choices.nth(4))
    hand.page.keyboard.up("Shift")
    hand.keys += 1
    with hand.page.expect_download():
        hand.click(hand.named("button", "Download"))


def sent(hand: Hand) -> None:
    hand.type("a cat")
    hand.see("cat.jpg")
    hand.keys += 3  # the address bar, all of it, copied
    address = hand.page.url
    hand.page.goto("about:blank")
    hand.page.goto(address)
    hand.see("cat.jpg")


TASKS: dict[str, Callable[[Hand], None]] = {
    "find a photo by words": by_words,
    "find what is like a picture of yours": by_picture,
    "have less of something": without,
    "leave something out altogether": without_at_all,
    "find a text in a picture, and where it stands": line_in_picture,
    "see what is of a day": of_a_day,
    "see what is in a folder": of_a_folder,
    "find more like two of them": like_two,
    "play the moment of a film": moment,
    "open the page that a text is on": written,
    "save five as ZIP": five_as_zip,
    "send a friend the search": sent,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Clicks and keys that twelve tasks take.")
    parser.add_argument("folder", nargs="?", type=Path)
    given = parser.parse_args()
    program = found()
    if program is None:
        raise SystemExit("There is no Chromium; install one, or name it by CHROMIUM.")
    print("| task | clicks | keys |\n| --- | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = given.folder or made(Path(scratch, "sample_data"))
        with serving(folder) as address:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for words, task in TASKS.items():
                page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
                page.goto(address)
                page.locator(".tile .there").first.wait_for()
                hand = Hand(page, folder)
                try:
                    task(hand)
                    print(f"| {words} | {hand.clicks} | {hand.keys} |", flush=True)
                except Exception as error:
                    print(f"| {words} | failed: {str(error).splitlines()[0]} | |", flush=True)
                page.close()
            browser.close()


def made(folder: Path) -> Path:
    """An indexed copy of the sample data with a sign in it."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(".cmsearch"))
    sign(*SIGN).save(folder / "sign.png")
    run("index", folder, "--ocr", "auto")
    return folder


if __name__ == "__main__":
    main()
