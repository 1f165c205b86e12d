"""The process that runs pdfium: it reads pages of PDF files for its parent, and may be lost.

Pdfium takes one thread at a time, and a hostile page can keep it busy for ever or use all memory.
Here a thread watches the clock and ends the process, whose parent starts another one.

Its answers are how many pages there are, and each page that was asked for.
"""

# Tested by tests/unit/cmsearch/media/test_pdfium.py

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.common.files import open_file
from cmsearch.common.working import Answer, Watch, serve
from cmsearch.media.gutters import Run, in_columns
from cmsearch.media.pdf_words import words

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

REST = 10.0
"""Seconds for which it waits for another request."""
MAX_TEXT = 1_000_000
"""Characters of one page that are taken."""
MOST_CHARACTERS = 30_000
"""Characters of a page, above which its columns aren't looked for."""
APART = 0.7
"""The space between two parts of a line, as a share of the height of the letters."""
LONGEST = 8
"""A page's longer side is rendered with at most as many times the pixels of the shorter one."""


def main() -> None:
    """Answer requests until there are no more."""
    serve(_answered, REST)


def _answered(request: dict[str, Any], watch: Watch, answer: Answer) -> None:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        with open_file(Path(request["path"])) as file:
            with watch.within(request["seconds"]):
                document = PdfDocument(file)
                document.init_forms()  # what is filled in is drawn then
            try:
                _read(document, request, watch, answer)
            finally:
                document.close()
    except OSError as error:
        answer({"error": f"can't be read: {error.strerror}"}, b"")
    except PdfiumError as error:
        answer({"error": _reason(str(error))}, b"")
    except MemoryError:
        answer({"error": "too large for the memory"}, b"")


def _read(document: PdfDocument, request: dict[str, Any], watch: Watch, answer: Answer) -> None:
    from pypdfium2 import PdfiumError

    count = len(document)
    answer({"pages": count}, b"")
    take = words if request.get("words") else _text if request["size"] is None else _picture
    passed = set(request.get("passed", ()))
    for number in range(request["first"], min(request["last"], count) + 1):
        if number in passed:
            continue
        try:
            with watch.within(request["seconds"]):
                page = document[number - 1]
                try:
                    head, content = take(page, request)
                finally:
                    page.close()
        except (PdfiumError, MemoryError, ValueError) as error:
            head, content = {"problem": _reason(str(error)) or type(error).__name__}, b""
        answer({"page": number, **head}, content)


def _text(page: PdfPage, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    text = page.get_textpage()
    try:
        columns = in_columns(list(_runs(text)))
        whole = columns and "\n".join(columns)
        found = whole or text.get_text_bounded(errors="replace")
    finally:
        text.close()
    head = {"problem": f"only {MAX_TEXT:,} characters of it are taken"}
    is_whole = len(found) <= MAX_TEXT
    return {} if is_whole else head, found[:MAX_TEXT].encode("utf-8", "replace")


def _runs(text: PdfTextPage) -> Iterator[Run]:
    """What stands together on a line, in the order as written; nothing of a page of too much."""
    from pypdfium2 import raw

    count, box = text.count_chars(), raw.FS_RECTF()
    written: list[str] = []
    left = right = bottom = top = 0.0
    for number in range(count if count <= MOST_CHARACTERS else 0):
        code = raw.FPDFText_GetUnicode(text, number)
        char = chr(code) if code < 0x110000 else "\ufffd"
        is_end = char in "\r\n"
        if not is_end and (char.isspace() or not raw.FPDFText_GetLooseCharBox(text, number, box)):
            written += [" "] if written else []
            continue
        size = box.top - box.bottom
        is_near = -size < box.left - right < APART * size and bottom < box.bottom + size / 2 < top
        if written and (is_end or not is_near):
            yield Run("".join(written).rstrip(), left, right, bottom, top)
            written = []
        if is_end:
            continue
        if not written:
            left, right, bottom, top = box.left, box.right, box.bottom, box.top
        written.append(char)
        right = max(right, box.right)
    if written:
        yield Run("".join(written).rstrip(), left, right, bottom, top)


def _picture(page: PdfPage, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    short, long = sorted(page.get_size())
    size = request["size"]
    scale = min(size / max(short, 1e-3), LONGEST * size / max(long, 1e-3))
    bitmap = page.render(scale=scale, rev_byteorder=True, limit_image_cache=True)
    head = {"width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride}
    return head, bytes(bitmap.buffer)


def _reason(message: str) -> str:
    if "password" in message.lower():
        return "encrypted: it opens with a password only"
    return f"damaged ({message.rstrip('.')})"
