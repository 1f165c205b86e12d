"""The words of a page of a PDF file with their places, for the process that runs pdfium."""

# Tested by tests/unit/cmsearch/media/test_pdf_words.py

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from ctypes import byref, c_int
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

MOST = 30_000
"""Characters of a page that are looked at."""
_SIDE = 1_000_000  # shares are rounded to so many parts
_Box = tuple[float, float, float, float]


def words(page: PdfPage, _: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The head and the content of an answer: JSON of each word with its left, top, right and bottom
    in shares of the page as it is drawn, which may be turned and cut.
    """
    text = page.get_textpage()
    try:
        found = [(word, _drawn(page, box)) for word, box in _written(text)]
    finally:
        text.close()
    return {"words": len(found)}, json.dumps(found).encode()


def _written(text: PdfTextPage) -> Iterator[tuple[str, _Box]]:
    """What stands between spaces, and on one line, with its box on the page."""
    from pypdfium2 import raw

    box = raw.FS_RECTF()
    word, around = "", (0.0, 0.0, 0.0, 0.0)
    for number in range(min(text.count_chars(), MOST)):
        code = raw.FPDFText_GetUnicode(text, number)
        char = chr(code) if code < 0x110000 else "\ufffd"
        is_seen = not char.isspace() and unicodedata.category(char) not in ("Cc", "Cn", "Cs")
        if not is_seen or not raw.FPDFText_GetLooseCharBox(text, number, box):
            if word:
                yield word, around
            word = ""
            continue
        own = (box.left, box.bottom, box.right, box.top)
        if word and (own[1] > around[3] or own[3] < around[1]):  # it goes on in another line
            yield word, around
            word = ""
        around = _joined(around, own) if word else own
        word += char
    if word:
        yield word, around


def _joined(one: _Box, other: _Box) -> _Box:
    low = (min(one[0], other[0]), min(one[1], other[1]))
    return *low, max(one[2], other[2]), max(one[3], other[3])


def _drawn(page: PdfPage, box: _Box) -> list[float]:
    from pypdfium2 import raw

    x, y = c_int(), c_int()
    corners = []
    for across, up in ((box[0], box[1]), (box[2], box[3])):
        raw.FPDF_PageToDevice(page, 0, 0, _SIDE, _SIDE, 0, across, up, byref(x), byref(y))
        corners.append([min(max(one.value / _SIDE, 0.0), 1.0) for one in (x, y)])
    (left, top), (right, bottom) = corners
    return [min(left, right), min(top, bottom), max(left, right), max(top, bottom)]
