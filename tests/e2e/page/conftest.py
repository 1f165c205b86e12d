"""A true service and a true browser."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import found
from tests.commands import called
from tests.conftest import ROOT, indexed_sample, shared
from tests.e2e.server.conftest import serving_within

expect.set_options(timeout=60_000)  # a busy machine is no failure
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this folder alone: while it is steered, a loop of events runs in
    the main thread, in which other tests start theirs.
    """
    program = found()
    if program is None:
        pytest.skip("no Chromium is installed; CHROMIUM may name one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all of sample_data, indexed with lite: `sample` with recordings and film."""

    def write(folder: Path) -> None:
        shutil.copytree(indexed_sample(), folder, dirs_exist_ok=True)
        shutil.copytree(ROOT / "sample_data" / "media", folder / "media")
        result = called("index", folder)
        assert result.returncode == 0, result.stderr

    own = tmp_path_factory.mktemp("whole") / "sample_data"
    return Path(shutil.copytree(shared("whole sample", write), own))


@pytest.fixture(scope="package")
def service(sample: Path) -> Iterator[str]:
    """Where a service of that store answers."""
    with serving_within(sample) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab that shows nothing yet; nothing that it does may go wrong unseen."""
    wrong: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Policy" in said.text else None)
    yield opened
    assert wrong == []


@pytest.fixture
def page(tab: Page, service: str) -> Page:
    """A tab that shows the page."""
    tab.goto(service)
    tab.wait_for_selector(".tile .there")
    return tab


def until(page: Page, expression: str) -> None:
    """Wait until JavaScript finds something true; the page's policy lets Playwright's own way not
    run.
    """
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(20)


def check_axe(page: Page) -> None:
    """See that axe finds nothing serious in what is shown, light and dark."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("axe.run()")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious]
        assert told == [], (scheme, json.dumps(told, indent=1))
    page.emulate_media(color_scheme="light")
