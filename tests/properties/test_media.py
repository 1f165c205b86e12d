"""Damaged pictures and films are read or refused, whatever the damage; nothing else is raised."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.errors import MediaError
from cmsearch.media.images import decode
from cmsearch.media.raw import decode_raw
from cmsearch.media.video import VideoReader
from cmsearch.show.clips import cut_out
from cmsearch.types import Reading
from tests import films
from tests.bad_files import DATA, saved
from tests.raws import dng, quarters

SIZE = 16
STYLES = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
WHOLE: list[tuple[str, bytes, Callable[[bytes, int], Any]]] = [
    *((style, saved(style), decode) for style in STYLES),
    ("HEIC", (DATA / "quarters.heic").read_bytes(), decode),
    ("DNG", dng(quarters()), decode_raw),
    ("DNG with a preview", dng(quarters(), 6, quarters(64, 96)), decode_raw),
]


@pytest.mark.parametrize(
    ("whole", "read"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE]
)
@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused(
    whole: bytes, read: Callable[[bytes, int], Any], data: st.DataObject
) -> None:
    places = st.integers(0, min(len(whole), 300) - 1) | st.integers(0, len(whole) - 1)
    changed = bytearray(whole)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        changed[place] = value
    with suppress(MediaError):
        read(bytes(changed[: data.draw(st.integers(0, len(whole)))]), SIZE)


FILMS = {
    "MP4": films.film(["red", "blue"], seconds=0.4, sound=True, cues=[(0.1, 0.5, "Two.")]),
    "Matroska": films.film(["red", "blue"], seconds=0.4, style="matroska", sound=True),
    "AVI": films.film(["red", "blue"], seconds=0.4, style="avi", codec="mpeg4"),
    "WebM": films.film(["red", "blue"], seconds=0.4, style="webm", codec="libvpx"),
}


@pytest.mark.parametrize("whole", FILMS.values(), ids=FILMS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_film_is_read_or_refused(whole: bytes, data: st.DataObject) -> None:
    places = st.integers(0, min(len(whole), 600) - 1) | st.integers(0, len(whole) - 1)
    changed = bytearray(whole)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        changed[place] = value
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.mp4")
        path.write_bytes(changed[: data.draw(st.integers(0, len(whole)))])
        for use in (lambda: list(VideoReader().read(path, Reading(SIZE))), lambda: cut(path)):
            with suppress(MediaError):
                use()


def cut(path: Path) -> Path:
    return cut_out(path, 0.2, 0.5, path.parent / "clips")
