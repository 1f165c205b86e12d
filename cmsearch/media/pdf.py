"""Reading PDF files: the passages of each page, and the page as a picture."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from cmsearch.common import locators
from cmsearch.common.files import larger_than, open_file
from cmsearch.common.text import passages
from cmsearch.errors import MediaError
from cmsearch.media.blocks import LEAST_WORDS
from cmsearch.types import Modality, Part, Reading, Skipped, TextLine

MAX_BYTES = 3 * 2**29
MAX_PAGES = 10_000
"""Pages of a file at most whose text is read."""
MAX_TEXT = 20_000_000
"""Characters of a file at most that are taken: the text of thirty long novels."""
MAX_PICTURES = 300
"""Pages of a file at most that are indexed as pictures too."""

_EDGE = 2  # lines at the top and at the bottom of a page that may repeat
_HYPHEN = re.compile(r"(\w+)[\x02\ufffe\xad](\w+)")  # as pdfium writes one at the end of a line
_CUT = re.compile(r"(\w+)[-\u2010]\n([^\W\d_]\w*)")
_HYPHENATED = re.compile(r"\w+[-\u2010]\w+")
_NUMBER = re.compile(r"[0-9]{1,6}")
_BREAK = re.compile(r"\r\n|\r|\n")
_ENDS = (".", "!", "?", ":", ";", "…", "”", '"', ")")


class PdfReader:
    """Reads PDF files through pypdfium2, which the extra `documents` installs."""

    suffixes = frozenset({".pdf"})
    max_bytes = MAX_BYTES
    is_long = True

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        return None if find_spec("pypdfium2") else "documents"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the passages of all pages, then the pages as pictures."""
        _check(path)
        lost: set[int] = set()
        for part in _passages(path):
            if isinstance(part, Skipped):
                lost.add(locators.page(part.locator) or 0)
            yield part
        yield from _pictures(path, 2 * wanted.image_size, lost)

    def picture(self, path: Path, size: int, locator: str) -> Image.Image:
        """The page of a locator, or the first, with a short side of `size` pixels."""
        from cmsearch.media import pdfium

        _check(path)
        number = locators.page(locator) or 1
        for page in pdfium.pictures(path, number, number, size):
            if page.picture is not None:
                return page.picture
            raise MediaError(f"page {number}: {page.problem}")
        raise MediaError(f"there is no page {number}")


def words(path: Path, number: int) -> tuple[int, tuple[TextLine, ...]]:
    """How many pages a file has, and the words of one, each with where it stands on the page as it
    is drawn. Raises `MediaError`.
    """
    from cmsearch.media import pdfium

    _check(path)
    for page in pdfium.words(path, number):
        if page.problem is not None:
            raise MediaError(f"page {number}: {page.problem}")
        return page.pages, page.words
    raise MediaError(f"there is no page {number}")


def _check(path: Path) -> None:
    """Raises `MediaError` for what is no PDF file."""
    if not find_spec("pypdfium2"):
        raise MediaError("PDF needs cmsearch[documents]: pip install 'cmsearch[documents]'")
    try:
        with open_file(path) as file:
            head, size = file.read(1024), file.seek(0, 2)
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}") from error
    if not head:
        raise MediaError("the file is empty")
    if size > MAX_BYTES:
        raise MediaError(larger_than(MAX_BYTES))
    if b"%PDF-" not in head:
        raise MediaError("not a PDF file")


def _passages(path: Path) -> Iterator[Part | Skipped]:
    from cmsearch.media import pdfium

    texts: dict[int, str] = {}
    pages, taken = 0, 0
    for page in pdfium.texts(path, 1, MAX_PAGES):
        pages = page.pages
        if page.problem is not None:
            yield Skipped(path.name, page.problem, locators.pages(page.number))
        texts[page.number] = page.text
        taken += len(page.text)
        if taken > MAX_TEXT:
            break
    if not pages:
        raise MediaError("it has no pages")
    if max(texts) < pages and (taken > MAX_TEXT or pages > MAX_PAGES):
        reason = f"the text of only {len(texts):,} of its {pages:,} pages is read"
        yield Skipped(path.name, reason, locators.pages(max(texts) + 1))
    for number, lines in cleaned(texts).items():
        for place, (_, _, text) in enumerate(passages(lines), 1):
            yield Part(Modality.TEXT, "passage", text, locator=locators.pages(number, place))


def _pictures(path: Path, size: int, lost: Collection[int]) -> Iterator[Part | Skipped]:
    """The pages as pictures; none of those that are `lost` already is tried again."""
    from cmsearch.media import pdfium

    for page in pdfium.pictures(path, 1, MAX_PICTURES, size, lost):
        if page.problem is not None:
            yield Skipped(path.name, page.problem, locators.pages(page.number))
        if page.picture is not None and not _is_blank(page.picture):
            locator = locators.pages(page.number)
            yield Part(Modality.IMAGE, "page", page.picture, locator=locator)
        if page.number == MAX_PICTURES < page.pages:
            reason = f"only {MAX_PICTURES} of its {page.pages:,} pages are indexed as pictures"
            yield Skipped(path.name, reason, locators.pages(MAX_PICTURES + 1))


def _is_blank(picture: Image.Image) -> bool:
    return all(band.getextrema()[0] == 255 for band in picture.split())


def cleaned(texts: Mapping[int, str]) -> dict[int, list[str]]:
    """By page the lines of its text, with an empty one where a paragraph ends.

    Words that a line's end has cut are whole again. Lines that most pages repeat at their edges
    stand on the first of these alone, and numbers of pages nowhere.
    """
    whole = "\n".join(texts.values())
    hyphenated = {_plain(word) for word in _HYPHENATED.findall(whole)}
    pages = {}
    for number, text in texts.items():
        text = _BREAK.sub("\n", text)
        for cut in (_HYPHEN, _CUT):
            text = cut.sub(lambda found: _joined(found[1], found[2], hyphenated), text)
        pages[number] = [line for raw in text.split("\n") if (line := _printable(raw))]
    repeated, seen = _repeated(pages), set[str]()
    return {
        number: _paragraphs(_without(lines, number, repeated, seen))
        for number, lines in pages.items()
    }


def _joined(before: str, after: str, hyphenated: set[str]) -> str:
    """A word that was cut; with its hyphen where the document writes it so within a line too."""
    word = f"{before}-{after}"
    is_compound = _plain(word) in hyphenated or not after[0].islower()
    return word if is_compound else f"{before}{after}"


def _plain(word: str) -> str:
    return word.replace("\u2010", "-").lower()


def _printable(line: str) -> str:
    """The line without control characters and what stands for no character, and with plain
    blanks.
    """
    kept = (" " if char.isspace() else char for char in line if _is_written(char))
    return " ".join("".join(kept).split())


def _is_written(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in ("Cc", "Cn", "Co", "Cs")


def _repeated(pages: Mapping[int, Sequence[str]]) -> set[str]:
    """The keys of lines at an edge of more than half of the pages, and of three at least."""
    edges = [
        {key for line in (*lines[:_EDGE], *lines[-_EDGE:]) for key in _keys(line, number)}
        for number, lines in pages.items()
    ]
    counts = Counter(key for page in edges for key in page)
    least = max(3, sum(map(bool, edges)) // 2 + 1)
    return {key for key, count in counts.items() if count >= least}


def _keys(line: str, page: int) -> Iterator[str]:
    """The line; and for each number in it the line with that number's distance from the page's.

    So the lines `Page 3 of 9` and `Page 4 of 9` have a key in common.
    """
    yield line
    for number in _NUMBER.finditer(line):
        yield f"{line[: number.start()]}\0{int(number[0]) - page}\0{line[number.end() :]}"


def _without(
    lines: Sequence[str], number: int, repeated: set[str], seen: set[str]
) -> Sequence[str]:
    """The lines without those at the edges that repeat, of which what is not `seen` yet stays.

    A page of nothing else keeps them.
    """

    def is_gone(line: str) -> bool:
        if line in repeated:
            is_new = line not in seen
            seen.add(line)
            return not is_new
        return not repeated.isdisjoint(_keys(line, number))

    top = [line for line in lines[:_EDGE] if not is_gone(line)]
    bottom = [line for line in lines[_EDGE:][-_EDGE:] if not is_gone(line)]
    kept = [*top, *lines[_EDGE : max(_EDGE, len(lines) - _EDGE)], *bottom]
    return kept or lines


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """The lines, with an empty one after each that seems to end its paragraph.

    That is one much shorter than the lines of its page are, which is how headings, items of lists
    and the last lines of paragraphs look. Paragraphs of few words stand together.
    """
    lengths = sorted(map(len, lines))
    usual = lengths[len(lengths) * 9 // 10] if lengths else 0
    found: list[str] = []
    words = 0
    for line in lines:
        found.append(line)
        words += len(line.split())
        is_last = len(line) < usual * (0.8 if line.endswith(_ENDS) else 0.5)
        if is_last and words >= LEAST_WORDS:
            found.append("")
            words = 0
    return found
