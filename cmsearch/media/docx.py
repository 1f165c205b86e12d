"""Reading Word's documents as passages: a stream of paragraphs, of which no tree is built."""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from cmsearch.common import locators
from cmsearch.common.files import larger_than, open_file
from cmsearch.errors import MediaError
from cmsearch.media.blocks import Block, passages_of
from cmsearch.types import Part, Reading, Skipped

MAX_BYTES = 512 * 2**20
MAX_PART = 64 * 2**20
"""Bytes of one part of the archive, unpacked; the text of a long novel takes 5 MiB."""
MAX_DIRECTORY = 8 * 2**20
"""Bytes of the archive's table of contents, of which each entry takes memory."""

_PIECE = 2**20
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_OFFICE = "/officeDocument"
_BESIDE = ("/header", "/footer", "/footnotes", "/endnotes")
_WORD = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",
)
_HEADING = re.compile(r"(?:heading \d+|title)", re.I)
_BLANKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class DocxReader:
    """Reads `.docx` through lxml, which the extra `documents` installs.

    Macros, pictures and what is embedded are not looked at.
    """

    suffixes = frozenset({".docx"})
    max_bytes = MAX_BYTES

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        return None if find_spec("lxml") else "documents"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the passages of a document under their headings."""
        if not find_spec("lxml"):
            raise MediaError("DOCX needs cmsearch[documents]: pip install 'cmsearch[documents]'")
        try:
            with open_file(path) as file:
                blocks, beside, problem = _read(file)
        except zipfile.BadZipFile as error:
            raise MediaError(f"not a Word document, or damaged ({error})") from error
        except (zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise MediaError(f"damaged, or encrypted ({error})") from error
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror or error}") from error
        yield from passages_of(blocks)
        yield from passages_of(beside, len(blocks))
        if problem is not None:
            yield Skipped(path.name, problem, locators.paragraphs(max(1, len(blocks))))


def _read(file: IO[bytes]) -> tuple[list[Block], list[Block], str | None]:
    """The blocks of a document; those of its headers, footers and notes; and what is wrong."""
    _check(file)
    with zipfile.ZipFile(file) as archive:
        main = next((name for kind, name in _relations(archive, "") if kind == _OFFICE), None)
        if main is None:
            raise MediaError("not a Word document")
        relations = _relations(archive, main)
        headings = _headings(archive, relations)
        text = _Text(headings)
        problem = _parsed(archive, main, text)
        if problem is not None and not text.blocks:
            raise MediaError(problem)
        beside = _Text(headings)
        for name in _beside(archive, relations):
            problem = _parsed(archive, name, beside) or problem
    return text.blocks, list(dict.fromkeys(beside.blocks)), problem


def _beside(archive: zipfile.ZipFile, relations: list[tuple[str, str]]) -> Iterator[str]:
    """The headers, footers and notes, each once, as far as they are not too large together."""
    names = dict.fromkeys(name for one in _BESIDE for kind, name in relations if kind == one)
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    room = MAX_PART
    for name in names:
        room -= max(1, sizes.get(name, 0))
        if room < 0:
            return
        yield name


def _check(file: IO[bytes]) -> None:
    """Raises `MediaError` for what is no archive, or one with more entries than memory takes."""
    size = file.seek(0, 2)
    if not size:
        raise MediaError("the file is empty")
    if size > MAX_BYTES:
        raise MediaError(larger_than(MAX_BYTES))
    file.seek(0)
    if file.read(4) == b"\xd0\xcf\x11\xe0":
        raise MediaError("encrypted, or of a Word before 2007")
    file.seek(max(0, size - 2**16 - _DIRECTORY_END.size))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place >= 0 and len(tail) - place >= _DIRECTORY_END.size:
        length = _DIRECTORY_END.unpack_from(tail, place)[5]
        if length > MAX_DIRECTORY:
            raise MediaError("its archive has too many entries")
    file.seek(0)


def _relations(archive: zipfile.ZipFile, part: str) -> list[tuple[str, str]]:
    """What a part refers to within the archive: the end of each one's type, and its name."""
    folder, name = posixpath.split(part)
    found = _Relations()
    _parsed(archive, posixpath.join(folder, "_rels", f"{name}.rels"), found)
    return [
        (f"/{kind.rpartition('/')[2]}", posixpath.normpath(posixpath.join("/", folder, target))[1:])
        for kind, target in found.pairs
    ]


def _headings(archive: zipfile.ZipFile, relations: list[tuple[str, str]]) -> frozenset[str]:
    """The ids of the styles that are headings, by their names, which no language changes."""
    styles = _Styles()
    for kind, name in relations:
        if kind == "/styles":
            _parsed(archive, name, styles)
    return frozenset(styles.headings)


def _parsed(archive: zipfile.ZipFile, name: str, target: Any) -> str | None:
    """Give the elements of a part to a target, and say what is wrong with it, if anything is.

    Entities are not resolved and nothing is fetched: lxml gets bytes alone. What an archive says
    of the length of a part is as much as `zipfile` unpacks of it.
    """
    from lxml import etree

    try:
        entry = archive.getinfo(name)
    except KeyError:
        return f"damaged (there is no {name[:100]} in it)"
    if entry.file_size > MAX_PART:
        return f"damaged, or too large ({entry.file_size // 2**20} MiB of text)"
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        with archive.open(entry) as part:
            while piece := part.read(_PIECE):
                parser.feed(piece)
        parser.close()
    except etree.LxmlError as error:
        return f"damaged ({str(error)[:200]})"
    return None


def _word(tag: str) -> str | None:
    """The name of an element of Word's, without its namespace."""
    return next((tag[len(space) :] for space in _WORD if tag.startswith(space)), None)


def _value(attributes: Mapping[str, str], name: str) -> str:
    return next((attributes[space + name] for space in _WORD if space + name in attributes), "")


class _Target:
    """What lxml gives elements to, so that it builds no tree.

    Word declares no type of a document, with which entities would come.
    """

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise MediaError("not a Word document: it declares entities")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, text: str) -> None: ...
    def close(self) -> None: ...


class _Relations(_Target):
    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag.endswith("}Relationship") and attributes.get("TargetMode") != "External":
            self.pairs.append((attributes.get("Type", ""), attributes.get("Target", "")))


class _Styles(_Target):
    def __init__(self) -> None:
        self.headings: set[str] = set()
        self._style = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = _word(tag)
        if name == "style":
            self._style = _value(attributes, "styleId")
        elif name == "name" and _HEADING.fullmatch(_value(attributes, "val")):
            self.headings.add(self._style)


class _Text(_Target):
    """The paragraphs of a part, and the rows of its tables, as blocks.

    A text box stands within a paragraph and has paragraphs of its own. Of what Word writes twice,
    for itself and for older programs, the second is left out.
    """

    def __init__(self, headings: frozenset[str]) -> None:
        self.blocks: list[Block] = []
        self._headings = headings
        self._open: list[list[str]] = []
        self._rows: list[list[str]] = []
        self._styles: list[str] = []
        self._is_text = False
        self._gone = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = _word(tag)
        if self._gone or tag.endswith("}Fallback") or name == "del":
            self._gone += 1
        elif name == "p":
            self._open.append([])
            self._styles.append("")
        elif name == "pStyle" and self._styles:
            self._styles[-1] = _value(attributes, "val")
        elif name == "tr":
            self._rows.append([])
        elif name == "t":
            self._is_text = True
        elif name in _BLANKS and self._open:
            self._open[-1].append(_BLANKS[name])

    def end(self, tag: str) -> None:
        name = _word(tag)
        if self._gone:
            self._gone -= 1
        elif name == "t":
            self._is_text = False
        elif name == "p" and self._open:
            text, style = "".join(self._open.pop()), self._styles.pop()
            if self._rows:
                self._rows[-1].append(text)
            else:
                self._add(Block(text, style in self._headings))
        elif name == "tr" and self._rows:
            row = " ".join(self._rows.pop())
            if self._rows:
                self._rows[-1].append(row)
            else:
                self._add(Block(row))

    def data(self, text: str) -> None:
        if self._is_text and self._open and not self._gone:
            self._open[-1].append(text)

    def _add(self, block: Block) -> None:
        if block.text.strip():
            self.blocks.append(block)
