"""Reading web pages as passages; nothing that they refer to is fetched or run."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from cmsearch.common.files import read_file
from cmsearch.errors import MediaError
from cmsearch.media.blocks import Block, passages_of
from cmsearch.types import Part, Reading, Skipped

MAX_BYTES = 128 * 2**20

_WITHIN, _LOOKS = 256, 500_000_000
"""Elements that may always be within one another; looks at such for all ends of a page, else."""
_PIECE = 2**14
_HEAD = 4096
_OWN = b'<meta name="generator" content="cmsearch">'
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NAMED = re.compile(
    rb"""<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I
)
_KNOWN = re.compile(
    r"utf-?8|windows-?\d+|cp\d+|iso-?8859-\d+|koi8-[ru]|gb\d+|gbk|big5|shift[_-]?jis|euc-(?:jp|kr)"
    r"|iso-2022-jp|tis-620|macintosh|mac-(?:roman|cyrillic)",
)
_PLAIN = {"iso-8859-1", "iso8859-1", "ascii", "us-ascii", "latin1"}
# In XHTML these may be closed at once; in HTML they would go on to the end of the file.
_CLOSED = re.compile(r"<(script|style|title|textarea|iframe|noscript)\b([^<>]{0,2000})/>", re.I)

_GONE = frozenset(
    {
        *("applet", "audio", "button", "canvas", "datalist", "embed", "iframe", "input", "map"),
        *("noframes", "noscript", "object", "script", "select", "style", "svg", "template"),
        *("textarea", "video"),
    }
)
_ASIDE = frozenset({"nav"})
_INLINE = frozenset(
    {
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn"),
        *("em", "font", "i", "img", "ins", "kbd", "label", "mark", "math", "q", "rp", "rt"),
        *("ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt"),
        *("u", "var", "wbr"),
    }
)
_CELLS = frozenset({"td", "th"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "title"})


class HtmlReader:
    """Reads web pages through lxml, which the extra `documents` installs."""

    suffixes = frozenset({".htm", ".html", ".xhtml"})
    max_bytes = MAX_BYTES

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        return None if find_spec("lxml") else "documents"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the passages of a page under their headings."""
        if not find_spec("lxml"):
            raise MediaError("HTML needs cmsearch[documents]: pip install 'cmsearch[documents]'")
        try:
            data = read_file(path, MAX_BYTES)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        if not data.strip():
            raise MediaError("the file is empty")
        if _OWN not in data[:_HEAD]:  # a contact sheet or a map of cmsearch is none of the folder's
            text = decoded(data)
            if path.suffix.lower() == ".xhtml" or text.lstrip().startswith("<?xml"):
                text = _CLOSED.sub(r"<\1\2></\1>", text)
            yield from passages_of(_blocks(text))


def decoded(data: bytes) -> str:
    """The text of a page, by its byte order mark, what it says itself, or else by its bytes.

    As browsers do, what calls itself Latin-1 or ASCII is taken for Windows-1252. Raises
    `MediaError` for what is no text.
    """
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if b"\0" in data[:_HEAD]:
        raise MediaError("not text: it contains zero bytes")
    found = _NAMED.search(data[:_HEAD])
    name = found[1].decode("ascii", "replace").lower() if found else ""
    if name in _PLAIN:
        return data.decode("cp1252", "replace")
    if _KNOWN.fullmatch(name) and not name.startswith("utf"):
        try:
            return data.decode(name, "replace")
        except LookupError:  # none that Python has
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8" if name.startswith("utf") else "cp1252", "replace")


def _blocks(text: str) -> list[Block]:
    from lxml import etree

    data = text.encode("utf-8", "replace")
    page = _Page(_most_within(data))
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True, huge_tree=True)
    try:
        for start in range(0, len(data), _PIECE):  # which is parsed to its end after an error too
            parser.feed(data[start : start + _PIECE])
        parser.close()
    except etree.LxmlError as error:
        if not page.blocks:
            raise MediaError(f"not HTML ({str(error)[:200]})") from error
    return page.found()


def _most_within(data: bytes) -> int:
    """How many elements of a page may be within one another: libxml2 looks through all of them
    for each end of an element, also where none of them began.
    """
    return max(_WITHIN, _LOOKS // (data.count(b"</") + 1))


class _Page:
    """Takes the tags and texts of a page one after the other, so that no tree is built of it.

    Raises `MediaError` where more than `most` elements are within one another.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._depth = 0
        self.blocks: list[tuple[Block, bool]] = []
        self._text: list[str] = []
        self._heading = False
        self._gone: list[str] = []  # the element that is left out, and those of its name in it
        self._aside: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > self._most:
            raise MediaError(f"more than {self._most:,} elements are within one another")
        tag = tag.lower()
        if self._gone:
            self._gone += [tag] if tag == self._gone[0] else []
            return
        if tag in _GONE or _is_hidden(tag, attributes):
            self._gone.append(tag)
            return
        if tag in _INLINE:
            return
        if tag in _CELLS:
            self._text.append(" ")
            return
        self._end_block()
        if self._aside:
            self._aside += [tag] if tag == self._aside[0] else []
        elif tag in _ASIDE or attributes.get("role") == "navigation":
            self._aside.append(tag)
        self._heading = tag in _HEADINGS

    def end(self, tag: str) -> None:
        self._depth -= 1
        tag = tag.lower()
        if self._gone:
            if tag == self._gone[0]:
                self._gone.pop()
            return
        if tag in _INLINE or tag in _CELLS:
            self._text += [" "] if tag in _CELLS else []
            return
        self._end_block()
        if self._aside and tag == self._aside[0]:
            self._aside.pop()

    def data(self, text: str) -> None:
        if not self._gone:
            self._text.append(text)

    def comment(self, text: str) -> None:
        """Passed over."""

    def close(self) -> None:
        self._end_block()

    def found(self) -> list[Block]:
        """The blocks without those of navigation, unless there are no others."""
        self._end_block()
        own = [block for block, is_aside in self.blocks if not is_aside]
        has_text = any(not block.is_heading for block in own)
        return own if has_text else [block for block, _ in self.blocks]

    def _end_block(self) -> None:
        text = "".join(self._text)
        if text.strip():
            self.blocks.append((Block(text, self._heading), bool(self._aside)))
        self._text, self._heading = [], False


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whole pages may be, until a script shows them."""
    is_hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
    return is_hidden and tag not in ("body", "html")
