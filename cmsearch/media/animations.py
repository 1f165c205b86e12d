"""Reading animations (GIF, WebP, PNG and AVIF) as the shots of a short film, through Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from cmsearch.common import locators
from cmsearch.common.files import open_file
from cmsearch.errors import MediaError
from cmsearch.media.guarded import guarded
from cmsearch.media.pillow import FORMATS, in_turn
from cmsearch.media.pixels import normalised
from cmsearch.media.shots import Frame, Pixels, first_at, shots, thinned
from cmsearch.types import Capture, Modality, Part, Skipped

MAX_PICTURES = 100
MAX_ROOM = 64 * 2**20
MAX_FRAMES = 5000
MAX_PIXELS = 2**26
"""Of a frame: 8192 by 8192, as of films."""
MAX_DECODED = 2**31
"""Pixels of an animation: those of half a minute at 1920 by 1080 and 30 frames a second."""
_USUAL, _SHORTEST = 0.1, 0.02
"""Seconds that browsers show a frame which claims none, or less than this."""
_MAX_SECONDS = 3600.0


def animated(path: Path, size: int, capture: Capture) -> Iterator[Part | Skipped]:
    """The shots of the animation in a file; what is wrong with it is no reason to give none."""
    played = _Played(path, size)
    found = thinned(shots(played.frames(), lambda: played.end), MAX_PICTURES, MAX_ROOM)
    for one in found:
        pictures = tuple(Image.fromarray(picture) for picture in one.pictures)
        place = locators.times(one.start, one.end)
        yield Part(Modality.VIDEO, "shot", pictures, None, place, capture)
    if played.problem:
        yield Skipped(path.name, played.problem, locators.times(played.end, played.end))


def animated_frame(path: Path, seconds: float, size: int) -> Image.Image:
    """What an animation shows at a time, or else its last frame. Raises `MediaError`."""
    played = _Played(path, size)
    found = first_at(played.frames(), seconds)
    if found is None:
        raise MediaError(played.problem or "there is no frame in it")
    return Image.fromarray(found.read())


class _Played:
    """The frames of an animation, played once, `MAX_FRAMES` at most; after that when it ended and
    what was wrong.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.end = 0.0
        self.problem = ""
        self._path = path
        self._size = size

    def frames(self) -> Iterator[Frame]:
        try:
            with (
                open_file(self._path) as file,
                guarded(file) as own,
                Image.open(own, formats=FORMATS) as image,
                in_turn(image.width * image.height),
            ):
                yield from self._frames(image)
        except MemoryError:
            self.problem = "too large for the memory"
        except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
            self.problem = f"damaged ({str(error) or type(error).__name__})"

    def _frames(self, image: Image.Image) -> Iterator[Frame]:
        decoded = 0
        for number in range(MAX_FRAMES + 1):
            if number:  # the last one is the first that isn't read
                try:
                    image.seek(number)
                except EOFError:
                    return
            pixels = image.width * image.height  # frames may be larger than those before
            decoded += pixels
            if pixels > MAX_PIXELS:
                self.problem = f"{image.width} x {image.height} pixels are too many to be played"
                return
            if decoded > MAX_DECODED or number == MAX_FRAMES:
                self.problem = f"what comes after {number:,} frames is left out"
                return
            image.load()
            start = self.end
            self.end += _seconds(image)
            yield Frame(start, partial(self._pixels, image.copy()))

    def _pixels(self, image: Image.Image) -> Pixels:
        whole = normalised(image, max(1, self._size // 2))
        factor = self._size / min(whole.size)
        if factor < 1:
            sides = (max(1, round(side * factor)) for side in whole.size)
            whole = whole.resize((next(sides), next(sides)), Image.Resampling.BICUBIC)
        return np.array(whole)


def _seconds(image: Image.Image) -> float:
    """How long the frame is shown."""
    claimed = image.info.get("duration", 0)
    seconds = claimed / 1000 if isinstance(claimed, int | float) else 0.0
    return min(seconds, _MAX_SECONDS) if seconds >= _SHORTEST else _USUAL
