"""Animations as the shots of short films."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media import animations
from cmsearch.media.images import ImageReader
from cmsearch.media.thumbnails import picture
from cmsearch.types import Modality, Part, Reading, Skipped
from tests.bad_files import endless_gif

COLOURS = ("red", "green", "blue")


def animation(style: str, milliseconds: int = 1000) -> bytes:
    pictures = [Image.new("RGB", (48, 32), colour) for colour in COLOURS]
    buffer = BytesIO()
    times = [milliseconds] * len(pictures)
    pictures[0].save(buffer, style, save_all=True, append_images=pictures[1:], duration=times)
    return buffer.getvalue()


def read(path: Path, data: bytes) -> list[Part | Skipped]:
    path.write_bytes(data)
    return list(ImageReader().read(path, Reading(16)))


@pytest.mark.parametrize("style", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_a_photo_and_its_shots(tmp_path: Path, style: str) -> None:
    photo, *shots = read(tmp_path / "a.gif", animation(style))
    assert isinstance(photo, Part) and photo.kind == "photo"
    assert [(one.modality, one.kind, one.locator) for one in shots if isinstance(one, Part)] == [
        (Modality.VIDEO, "shot", f"{second}.000-{second + 1}.000") for second in range(3)
    ]
    for shot, colour in zip(shots, COLOURS, strict=True):
        assert isinstance(shot, Part)
        (shown,) = shot.content
        expected = Image.new("RGB", shown.size, colour)
        assert shown.mode == "RGB" and min(shown.size) == 16
        assert np.abs(np.asarray(shown, int) - np.asarray(expected, int)).max() <= 4


def test_pictures_that_stand_still_have_no_shots(tmp_path: Path) -> None:
    still = BytesIO()
    Image.new("RGB", (8, 8), "red").save(still, "GIF")
    assert len(read(tmp_path / "a.gif", still.getvalue())) == 1


def test_frames_without_a_time_are_shown_as_browsers_show_them(tmp_path: Path) -> None:
    shots = read(tmp_path / "a.gif", animation("GIF", 0))[1:]
    assert [one.locator for one in shots] == ["0.000-0.300"]


def test_an_animation_that_is_cut_short_keeps_what_is_there(tmp_path: Path) -> None:
    found = read(tmp_path / "a.gif", animation("GIF")[:-25])
    assert [type(one) for one in found[:2]] == [Part, Part]
    last = found[-1]
    assert not isinstance(last, Skipped) or "damaged" in last.reason


@pytest.mark.parametrize(("name", "value"), [("MAX_FRAMES", 5), ("MAX_DECODED", 64 * 48 * 5)])
def test_an_animation_without_an_end_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(animations, name, value)
    found = read(tmp_path / "a.gif", endless_gif(2**17))
    assert [one.locator for one in found] == ["first frame", "0.000-0.500", "0.500-0.500"]


@pytest.mark.parametrize(("at", "colour"), [(0.5, "red"), (1.5, "green"), (99.0, "blue")])
def test_the_frame_at_a_time_is_shown(tmp_path: Path, at: float, colour: str) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(animation("GIF"))
    shown = picture(path, 16, f"{at:.3f}-{at:.3f}")
    assert shown.getpixel((2, 2)) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))


def test_what_is_gone_has_no_frame(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(MediaError, match="damaged"):
        animations.animated_frame(tmp_path / "a.gif", 1, 16)
