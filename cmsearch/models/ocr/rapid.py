"""RapidOCR's PP-OCRv6 small: where there is text in a picture, and what it says.

The detector (Liao et al. 2020, arXiv 1911.08947) and the recogniser (Du et al. 2022,
arXiv 2205.00159) run in sessions of our own, on one thread, from the files that the package
brings, checked by their digests. Nothing is fetched.
"""

# Tested by tests/unit/cmsearch/models/ocr/test_rapid.py

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cmsearch.common.digest import file_digest
from cmsearch.errors import ModelUnavailableError
from cmsearch.models.encoders.onnx import Sessions
from cmsearch.models.quiet import quiet

NAME = "rapidocr:PP-OCRv6-small"
"""Part of what a reading is known by: with another model or rule, files are read again."""
MOST_BOXES = 1000
"""Places that are looked at, of all that may hold text."""
MOST_RATIO = 256
"""How many times as long as high a line is at most: 2,048 pixels by 8, below which nothing can be
read. What is longer is a pattern.
"""
FAINT = 0.1
"""What the detector has to say of a place at least where it only glances, from 0 to 1."""
SURE = 0.3
"""What it has to say of some point of such a place: what it takes for text itself."""
OBLONG = 2.5
"""How many times as long as wide the core of such a place is, as the detector draws it: of words
of three letters or more, and not of the round things that it takes for a single letter.
"""
UNSURE = 0.9
"""A score below which a line is tried upside down too."""
HEIGHT = 48
"""The height in pixels at which lines are read."""
FIRST = 8
"""Lines by which it is told whether a picture is upside down."""
MOST_TURNED = 100_000
"""Pixels at most that lines are long together, at this height, which are tried upside down."""
Boxes = NDArray[np.float32]
"""Corners `(n, 4, 2)` in pixels, each from the text's upper left on, clockwise."""

_PACKAGE = "rapidocr"
_DIGESTS = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
EXTRA = "Text in pictures needs cmsearch[ocr]: pip install 'cmsearch[ocr]'."
_loading = Lock()


def is_installed() -> bool:
    """Whether the extra is there that text in pictures needs."""
    return find_spec(_PACKAGE) is not None


def load() -> TextModel:
    """The model, loaded once in a process. Raises `ModelUnavailableError`."""
    if not is_installed():
        raise ModelUnavailableError(EXTRA)
    with _loading:
        return _load()


class TextModel:
    """Finds and reads lines of text; threads may share it."""

    def __init__(self, detector: Any, recogniser: Any) -> None:
        self._detector = detector
        self._recogniser = recogniser

    def may_hold_text(self, picture: Image.Image) -> bool:
        """Whether a small copy of a picture has anything that looks like a line of text."""
        import cv2

        prepared = self._detector.get_preprocess()(_pixels(picture))
        if prepared is None:  # narrower than the model's grid
            return True
        shares = self._detector.session(prepared)[0, 0]
        mask = (shares > FAINT).astype(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return len(found) > MOST_BOXES or any(
            _is_oblong(cv2.minAreaRect(one)[1]) and _most(shares, cv2.boundingRect(one)) > SURE
            for one in found
        )

    def find(self, picture: Image.Image) -> Boxes:
        """The places of lines of text, in the order in which they are read."""
        boxes = self._detector(_pixels(picture)).boxes
        return np.zeros((0, 4, 2), np.float32) if boxes is None else boxes.astype(np.float32)

    def read(self, picture: Image.Image, boxes: Boxes) -> tuple[list[tuple[str, float]], int]:
        """What stands in each box, and how sure that is, from 0 to 1; and how many lines that are
        read badly weren't tried upside down, since others that are higher took all the time there
        is for that.
        """
        pixels = _pixels(picture)
        lines = [_cut(pixels, box) for box in boxes]
        first, rest = lines[:FIRST], lines[FIRST:]
        found, better, used, untried = self._either_way(first, MOST_TURNED)
        if better > len(first) / 2:  # so is the whole picture, and it is read once
            rest = [_turned(line) for line in rest]
        others, _, _, more = self._either_way(rest, MOST_TURNED - used)
        return found + others, untried + more

    def _either_way(
        self, lines: Sequence[NDArray[np.uint8]], most: float
    ) -> tuple[list[tuple[str, float]], int, float, int]:
        """What lines say as they are, or upside down where that is read better; how many those are,
        how long the lines that were tried so are together, and how many weren't, beyond `most`.
        """
        found = self._recognised(lines)
        unsure = [place for place, (_, score) in enumerate(found) if score < UNSURE]
        unsure.sort(key=lambda place: -lines[place].shape[0])
        lengths = np.cumsum([HEIGHT * _ratio(lines[place]) for place in unsure])
        count = int(np.searchsorted(lengths, most, "right"))
        better = 0
        for place, other in zip(
            unsure, self._recognised([_turned(lines[place]) for place in unsure[:count]]),
            strict=False,
        ):  # fmt: skip
            better += other[1] > found[place][1]
            found[place] = max(found[place], other, key=lambda one: (one[1], one[0]))
        return found, better, float(lengths[count - 1]) if count else 0.0, len(unsure) - count

    def _recognised(self, lines: Sequence[NDArray[np.uint8]]) -> list[tuple[str, float]]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not lines:
            return []
        result = self._recogniser(TextRecInput(img=list(lines), return_word_box=False))
        return [
            (str(text), float(score))
            for text, score in zip(result.txts, result.scores, strict=True)
        ]


class _Settings(dict[str, Any]):
    """What the package's classes take in place of its own settings."""

    __getattr__ = dict.__getitem__


@cache
def _load() -> TextModel:
    import cv2
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.ch_ppocr_rec import TextRecognizer
    from rapidocr.utils.typings import EngineType

    cv2.setNumThreads(1)
    sessions = Sessions(_file)
    common = {"engine_type": EngineType.ONNXRUNTIME}
    detector = _Settings(
        **common,
        session=sessions.get("PP-OCRv6_det_small"),
        limit_type="max",
        limit_side_len=2**16,  # pictures come in the size that they are looked at in
        max_candidates=MOST_BOXES,
    )
    recogniser = _Settings(
        **common,
        session=sessions.get("PP-OCRv6_rec_small"),
        lang_type="ch",
        rec_batch_num=1,  # more take longer, being filled up to the longest, and a gigabyte
        rec_img_shape=[3, HEIGHT, 320],
        font_path=None,
    )
    with quiet("RapidOCR"):  # which has set a level of its own by now
        return TextModel(TextDetector(detector), TextRecognizer(recogniser))


def _file(name: str) -> Path:
    """A file of the package, checked."""
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations if spec else None) or ():
        path = Path(place, "models", name)
        try:
            if file_digest(path) == _DIGESTS[name]:
                return path
        except OSError:
            continue
    raise ModelUnavailableError(
        f"The model {name} (of the package rapidocr) is missing or not the one that cmsearch was "
        "made for. Reinstall it: pip install --force-reinstall 'cmsearch[ocr]'."
    )


def _is_oblong(sides: Sequence[float]) -> bool:
    return max(sides) + 1 >= OBLONG * (min(sides) + 1)


def _most(shares: NDArray[np.float32], place: Sequence[int]) -> float:
    """The largest share within a rectangle."""
    left, top, width, height = place
    return float(shares[top : top + height, left : left + width].max())


def _turned(line: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A line upside down."""
    return np.ascontiguousarray(line[::-1, ::-1])


def _ratio(line: NDArray[np.uint8]) -> float:
    """How many times as long as high a line is."""
    height, width = map(int, line.shape[:2])
    return width / max(height, 1)


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture as the package takes it: blue, green and red."""
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])


def _cut(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What is in a box, upright; a line that runs upwards or downwards lies on its side."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    line: NDArray[np.uint8] = get_rotate_crop_image(pixels, box)
    return line
