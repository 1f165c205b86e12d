"""Pages of PDF files, through processes that may be lost: `cmsearch.media.pdf_worker`."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cmsearch.common.workers import LostError, Pool
from cmsearch.errors import MediaError
from cmsearch.types import TextLine

PAGE_SECONDS = 30.0
"""Reading a page may take as long; no page of an ordinary document takes a tenth of it."""
FILE_SECONDS = 600.0
"""Reading all pages of a file, as texts or as pictures, may take as long."""
MOST_LOST = 3
"""Of a file so many pages may be too slow or break pdfium, before the others are left out."""
_pool = Pool("cmsearch.media.pdf_worker")


@dataclass(frozen=True, slots=True)
class Page:
    """A page, counted from 1, of a file with so many `pages`: its text, or its picture.

    `problem` says why there is none, or not all of it.
    """

    number: int
    pages: int
    text: str = ""
    picture: Image.Image | None = None
    problem: str | None = None
    words: tuple[TextLine, ...] = ()


def texts(path: Path, first: int, last: int) -> Iterator[Page]:
    """The text of pages of a file; raises `MediaError` where the file can't be read."""
    return _pages({"path": str(path), "last": last, "size": None}, first)


def words(path: Path, number: int) -> Iterator[Page]:
    """A page with its words, each with its box. Raises `MediaError` likewise."""
    return _pages({"path": str(path), "last": number, "size": None, "words": True}, number)


def pictures(
    path: Path, first: int, last: int, size: int, passed: Collection[int] = ()
) -> Iterator[Page]:
    """Pictures of pages, without some that are `passed` over, with a short side of `size` pixels.

    Raises `MediaError` likewise.
    """
    request = {"path": str(path), "last": last, "size": size, "passed": sorted(passed)}
    return _pages(request, first)


def _pages(request: dict[str, Any], first: int) -> Iterator[Page]:
    """The pages, over as many processes as it takes."""
    end, last = time.monotonic() + FILE_SECONDS, request["last"]
    passed = request.get("passed", ())
    lost, pages = 0, 0
    problem: str | None = None
    while True:
        while first in passed:
            first += 1
        try:
            for head, content in _answers({**request, "first": first, "seconds": PAGE_SECONDS}):
                if "error" in head:
                    problem = head["error"]
                    continue
                if "pages" in head:
                    pages = head["pages"]
                    continue
                first = head["page"] + 1
                yield _page(pages, head, content)
                if time.monotonic() > end and first <= min(last, pages):
                    reason = f"the file takes longer than {FILE_SECONDS:.0f} seconds from here on"
                    yield Page(first, pages, problem=reason)
                    return
            if problem is not None:
                raise MediaError(problem)
            return
        except LostError as error:
            lost += 1
            reason = str(error)
            if not pages:
                raise MediaError(reason) from error
        if lost >= MOST_LOST:
            yield Page(first, pages, problem=f"{reason}, like others; no more pages are read")
            return
        yield Page(first, pages, problem=reason)
        first += 1


def _page(pages: int, head: dict[str, Any], content: bytes) -> Page:
    number, problem = head["page"], head.get("problem")
    if "words" in head:
        own = tuple(_word(number, text, *box) for text, box in json.loads(content))
        return Page(number, pages, words=own, problem=problem)
    if "width" not in head:
        return Page(number, pages, content.decode("utf-8", "replace"), problem=problem)
    size, stride = (head["width"], head["height"]), head["stride"]
    picture = Image.frombytes("RGB", size, content, "raw", "RGB", stride)
    return Page(number, pages, picture=picture, problem=problem)


def _word(page: int, text: str, left: float, top: float, right: float, bottom: float) -> TextLine:
    corners = (left, top, right, top, right, bottom, left, bottom)
    return TextLine(text, 1.0, tuple(round(one, 4) for one in corners), page)


def _answers(request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    try:
        yield from _pool.answers(request)
    except OSError as error:
        raise MediaError(f"no process can be started to read it: {error.strerror}") from error
