"""Draw docs/images/page.jpg and viewer.jpg: the page of `cmsearch serve` over the sample data.

    python -m scripts.served_pictures [FOLDER]

They are what a headless Chromium shows; CHROMIUM names one that isn't on the path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from scripts.page_pictures import IMAGES, QUERY, SAMPLE, save
from tests.chromium import found

WHY = "a honey bee on a flower"
SIZE = {"width": 1280, "height": 800}
_WAITED_FOR = """document.querySelector(
  ".tile canvas:not(.there), .pswp__item[aria-hidden=false] .pswp__img--placeholder"
) !== null"""
"""Whether something is still seen blurred, until it comes."""


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    program = found()
    if program is None:
        sys.exit("There is no Chromium; install one, or name it by CHROMIUM.")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place, "sample_data")
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(".cmsearch"))
        run("index", folder, "--ocr", "none")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with serving(folder) as address:
            page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en")  # type: ignore[arg-type]
            page.goto(f"{address}/?q={QUERY}")
            page.locator("aside.filters legend").first.wait_for()
            _save(page, target / "page.jpg")
            page.emulate_media(color_scheme="dark")
            page.goto(f"{address}/?q={WHY}")
            page.locator(".tile-open").first.click()
            page.get_by_role("button", name="bee", exact=True).click()
            _save(page, target / "viewer.jpg")
        browser.close()


def run(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "cmsearch", *map(str, arguments)], check=True)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "cmsearch", "serve", str(folder), "--port", "0", "--no-open"]
    command += options
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        told = (re.search(r"Answering at (http://\S+)", line) for line in service.stderr)
        yield next(filter(None, told))[1]
        service.terminate()


def _save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    while page.evaluate(_WAITED_FOR):
        page.wait_for_timeout(100)
    page.wait_for_timeout(400)
    save(page.screenshot(), path)


if __name__ == "__main__":
    main()
