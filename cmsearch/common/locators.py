"""Where in its file an item is: lines, seconds, pages; written, read, and shown."""

from __future__ import annotations

import re

_TIMES = re.compile(r"(\d+\.\d{3})-(\d+\.\d{3})")
_PAGE = re.compile(r"p(\d+)(?::\d+)?")


def times(start: float, end: float) -> str:
    """The locator of what lies between two times, in seconds."""
    return f"{start:.3f}-{end:.3f}"


def pages(number: int, passage: int | None = None) -> str:
    """The locator of a page, counted from 1, or of one of its passages."""
    return f"p{number}" if passage is None else f"p{number}:{passage}"


def paragraphs(first: int, last: int | None = None) -> str:
    """The locator of a paragraph, counted from 1, or of several."""
    return f"¶{first}" if last in (None, first) else f"¶{first}-{last}"


def block(number: int) -> str:
    """The locator of a block of text in a picture, counted from 1."""
    return f"text {number}"


def span(locator: str) -> tuple[float, float] | None:
    """The times that a locator names, in seconds."""
    match = _TIMES.fullmatch(locator)
    return (float(match[1]), float(match[2])) if match else None


def page(locator: str) -> int | None:
    """The page that a locator names."""
    match = _PAGE.fullmatch(locator)
    return int(match[1]) if match else None


def clock(seconds: float) -> str:
    """A time as hours, minutes and whole seconds: `00:01:23`."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


def source(path: str, locator: str) -> str:
    """A file and a place in it, for people: `film.mp4@00:01:23–00:01:31`, `notes.txt:12-15`,
    `report.pdf:p3`, `page.html:¶7`.
    """
    if found := span(locator):
        return f"{path}@{clock(found[0])}–{clock(found[1])}"
    if number := page(locator):
        return f"{path}:{pages(number)}"
    return f"{path}:{locator}" if locator else path
