"""Adding keywords and a description to XMP, without touching anything else that is in it.

XMP is RDF in XML (ISO 16684-1). Keywords are the bag `dc:subject`, a description the language
alternative `dc:description`. What is new is spliced into the bytes, so that everything else stays
as it was written, to the byte. A document type, and so every entity, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from cmsearch.common.text import printable
from cmsearch.errors import MediaError

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_NAMESPACES = f' xmlns:dc="{_DC}" xmlns:rdf="{_RDF}"'
"""Declared by whatever is added to a document, which may use these prefixes for something else."""
_NEW = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    f' <rdf:RDF xmlns:rdf="{_RDF}">\n'
    f'  <rdf:Description rdf:about="" xmlns:dc="{_DC}">\n'
    "  </rdf:Description>\n"
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
).encode()
_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_NAME = re.compile(rb"<([^\s/>]+)")
_LISTS = {f"{_RDF} {name}" for name in ("Bag", "Seq", "Alt")}
_DEPTH = 500


@dataclass(slots=True)
class _Element:
    """Where an element begins, and where its start tag, its content and itself end."""

    begin: int
    opened: int
    closing: int = 0
    end: int = 0


@dataclass(slots=True)
class _Found:
    """What is in a document of that which concerns us."""

    rdf: _Element | None = None
    description: _Element | None = None
    subject: _Element | None = None
    keywords: _Element | None = None
    caption: _Element | None = None
    words: list[str] = field(default_factory=list)
    shorthand: set[str] = field(default_factory=set)


def merged(
    data: bytes | None,
    keywords: Sequence[str] = (),
    description: str | None = None,
    *,
    replace: bool = False,
) -> bytes:
    """The XMP document `data`, or a new one, with keywords added and a description set.

    Keywords that are there already aren't added again, and none is taken away. A description that
    is there stays, unless `replace`. Where nothing is new, the result is `data` itself. Raises
    `MediaError` for what is no XMP in UTF-8, or has a document type.
    """
    namespaces = "" if data is None else _NAMESPACES
    data = _NEW if data is None else data
    found = _Reader(data).read()
    _check(found, bool(keywords), replace and description is not None)
    known = {word.strip() for word in found.words}
    words = [word for word in dict.fromkeys(map(_clean, keywords)) if word and word not in known]
    text = _clean(description or "")
    edits: list[tuple[int, int, bytes]] = []
    properties = ""
    if words and found.keywords is not None:
        edits.append(_into(data, found.keywords, _items(data, found.keywords, words)))
    elif words:
        listed = "".join(f"     <rdf:li>{escape(word)}</rdf:li>\n" for word in words)
        bag = f"\n    <rdf:Bag>\n{listed}    </rdf:Bag>\n   "
        properties += _property("subject", namespaces, bag)
        if found.subject is not None:
            edits.append((found.subject.begin, found.subject.end, b""))
    if text and (found.caption is None or replace) and "description" not in found.shorthand:
        one = f'\n    <rdf:Alt>\n     <rdf:li xml:lang="x-default">{escape(text)}</rdf:li>\n'
        properties += _property("description", namespaces, f"{one}    </rdf:Alt>\n   ")
        if found.caption is not None:
            edits.append((found.caption.begin, found.caption.end, b""))
    if properties:
        edits.append(_addition(data, found, properties))
    for begin, end, new in sorted(edits, reverse=True):
        data = data[:begin] + new + data[end:]
    return data


def read(data: bytes) -> tuple[list[str], bool]:
    """The keywords of an XMP document, and whether it has a description; raises `MediaError`."""
    found = _Reader(data).read()
    return found.words, found.caption is not None or "description" in found.shorthand


class _Reader:
    """Notes where in a document the elements are that concern us."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._found = _Found()
        self._names: list[str] = []
        self._open: list[_Element] = []
        self._text: list[str] | None = None
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        self._parser = parser

    def read(self) -> _Found:
        if self._data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise MediaError("it is not in UTF-8")
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise MediaError(f"it is no XML: {error}") from error
        if self._found.rdf is None:
            raise MediaError("it is no XMP: there is no rdf:RDF in it")
        return self._found

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            raise MediaError("it is not in UTF-8")

    def _doctype(self, *declared: object) -> None:
        raise MediaError("it has a document type, which XMP has no use for and attacks have")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._names) >= _DEPTH:
            raise MediaError(f"its elements are nested more than {_DEPTH} deep")
        begin = self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, begin)
        if tag is None:
            raise MediaError("a tag of it can't be understood")
        element = _Element(begin, tag.end())
        self._names.append(name)
        self._open.append(element)
        self._note(element, attributes)

    def _note(self, element: _Element, attributes: dict[str, str]) -> None:
        """Keep an element if it is one of ours; they are known by those that they lie in."""
        found, names = self._found, self._names
        if names[-1] == f"{_RDF} RDF":
            found.rdf = found.rdf or element
        if names[-2:] == [f"{_RDF} RDF", f"{_RDF} Description"]:
            found.description = found.description or element
            own = (name.removeprefix(f"{_DC} ") for name in attributes if name.startswith(_DC))
            found.shorthand |= set(own)
        if f"{_RDF} RDF" not in names:
            return
        inner = names[names.index(f"{_RDF} RDF") + 1 :]
        if inner[:1] != [f"{_RDF} Description"]:
            return
        if inner[1:] == [f"{_DC} description"]:
            found.caption = found.caption or element
        if inner[1:2] == [f"{_DC} subject"]:
            if len(inner) == 2:
                found.subject = found.subject or element
            if len(inner) == 3 and inner[2] in _LISTS:
                found.keywords = found.keywords or element
            if len(inner) == 4 and inner[2] in _LISTS and inner[3] == f"{_RDF} li":
                self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        self._names.pop()
        index = self._parser.CurrentByteIndex
        element.closing = element.end = element.opened
        if self._data[element.opened - 2 : element.opened] != b"/>":
            element.closing, element.end = index, self._data.index(b">", index) + 1
        if self._text is not None and name == f"{_RDF} li":
            self._found.words.append("".join(self._text))
            self._text = None


def _check(found: _Found, adding: bool, replacing: bool) -> None:
    plain = found.subject is not None and found.keywords is None
    if adding and ("subject" in found.shorthand or (plain and not _is_empty(found.subject))):
        raise MediaError("its dc:subject is no list")
    if replacing and "description" in found.shorthand:
        raise MediaError("its dc:description is an attribute, which can't be replaced")


def _is_empty(element: _Element | None) -> bool:
    return element is not None and element.closing == element.opened


def _clean(text: str) -> str:
    return " ".join(printable(text).split())


def _property(name: str, namespaces: str, content: str) -> str:
    return f"   <dc:{name}{namespaces}>{content}</dc:{name}>\n"


def _items(data: bytes, bag: _Element, words: Sequence[str]) -> bytes:
    """Keywords as elements with the prefix of the list that they go into."""
    prefix, colon, _ = _name(data, bag).rpartition(b":")
    li = (prefix + colon + b"li").decode()
    return "".join(f"     <{li}>{escape(word)}</{li}>\n" for word in words).encode()


def _addition(data: bytes, found: _Found, properties: str) -> tuple[int, int, bytes]:
    """The edit that puts properties into the first rdf:Description, or into one of their own."""
    if found.description is not None:
        return _into(data, found.description, properties.encode())
    assert found.rdf is not None, "without it, reading fails"
    own = f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about="">\n{properties}</rdf:Description>\n'
    return _into(data, found.rdf, own.encode())


def _into(data: bytes, element: _Element, content: bytes) -> tuple[int, int, bytes]:
    """The edit that puts content at an element's end, opening one that has no content."""
    if data[element.opened - 2 : element.opened] == b"/>":
        name = _name(data, element)
        return element.opened - 2, element.opened, b">\n" + content + b"</" + name + b">"
    place = len(data[: element.closing].rstrip(b" \t"))  # the line of the end tag stays as it is
    place = place if data[place - 1 : place] == b"\n" else element.closing
    return place, place, content


def _name(data: bytes, element: _Element) -> bytes:
    match = _NAME.match(data, element.begin)
    assert match is not None, "an element begins with its name"
    return match[1]
