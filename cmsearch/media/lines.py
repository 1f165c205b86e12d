"""Text files as lines or bytes, in whatever encoding they are."""

# Tested by tests/unit/cmsearch/media/test_captions.py

from __future__ import annotations

import re
from pathlib import Path

from cmsearch.common.files import read_file
from cmsearch.errors import MediaError

MAX_BYTES = 64 * 2**20
"""A text file larger than this is a log or a dump, not prose: a long novel has 3 MiB."""
MAX_LINES = 5_000_000
_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines has more, which JSON may hold


def _up_to(lines: list[str], most: int) -> list[str]:
    """The first lines, the last of them cut, with so many characters in all."""
    for place, line in enumerate(lines):
        if len(line) > most:
            return [*lines[:place], line[:most]]
        most -= len(line)
    return lines


def read_lines(path: Path, most: int | None = None) -> list[str]:
    """The lines of a text file in UTF-8, UTF-16 or else Windows-1252. Raises `MediaError`."""
    data = read_bytes(path, most)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    elif b"\0" in data:
        raise MediaError("not text: it contains zero bytes")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    count = text.count("\n") + text.count("\r")
    if count > MAX_LINES:
        raise MediaError(f"{count:,} lines are more than {MAX_LINES:,}")
    return _LINE_END.split(text)


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """The bytes of a text file; raises `MediaError`."""
    try:
        return read_file(path, MAX_BYTES if most is None else most)
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}") from error
