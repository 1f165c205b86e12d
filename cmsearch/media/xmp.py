"""Reading XMP, embedded or in a file of its own: RDF in XML (ISO 16684-1), through expat.

A packet may come from anywhere. One with a document type, and so with entities, is read up to that,
one that is longer than `MAX_PACKET` not at all, and of its values no more than `MAX_VALUES` of a
kind; what was left out for that is told. One that is cut short gives what comes before.
"""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from cmsearch.common.files import larger_than

MAX_PACKET = 4 * 2**20
"""Bytes of a packet at most: those of 50,000 keywords. JPEG holds 64 KiB."""
MAX_VALUES = 1000
"""Values of a kind at most that are read, such as keywords."""
MAX_DEPTH = 100
MAX_ELEMENTS = 250_000
"""Elements and attributes of a packet at most: each takes some microseconds."""
LEVEL = "|"
"""What stands between the levels of a keyword."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LI, _LANG = f"{_RDF} li", "http://www.w3.org/XML/1998/namespace lang"
_SPACES = {
    "http://ns.acdsee.com/iptc/1.0/": "acdsee",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://darktable.sf.net/": "darktable",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.iview-multimedia.com/mediapro/1.0/": "mediapro",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
}
"""The prefixes by which properties are named here, whatever a packet calls them."""
_IGNORED = frozenset({"photoshop:DocumentAncestors", "photoshop:History"})
"""What may be megabytes, and says nothing of a picture."""
_NAMED = frozenset({"Face", "Pet", ""})
"""Kinds of regions whose names are somebody's."""
_REGION, _KIND, _KEYWORD = "mwg-rs:Name", "mwg-rs:Type", "mwg-kw:Keyword"


@dataclass(slots=True)
class Packet:
    """What a packet says: by the name of a property, such as `dc:subject`, its values in order.

    `people` are the names of its regions, `paths` keywords with their levels, of the Metadata
    Working Group's form, and `problem` is why it wasn't read, or not all of it.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    problem: str = ""
    is_broken: bool = False
    """Whether it is no XML, or ends before its end."""

    def first(self, *names: str) -> str:
        """The first value of the first of some properties that has one; else nothing."""
        return next((self.values[name][0] for name in names if self.values.get(name)), "")

    def all(self, *names: str) -> list[str]:
        """All values of some properties."""
        return [value for name in names for value in self.values.get(name, ())]


def read_packet(packet: Any, into: Packet | None = None, most: int = MAX_PACKET) -> Packet:
    """What an XMP packet of at most so many bytes says, in bytes or as text; of anything else
    nothing. It is added to what a packet `into` that it goes with says.
    """
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    found = into or Packet()
    if not isinstance(data, bytes):
        return found
    if len(data) > most:
        found.problem = f"its XMP is {larger_than(most)}, and isn't read"
        return found
    if not (data := data.strip(b"\0 \t\r\n")):
        return found
    reader = _Reader(found)
    try:
        reader.parser.Parse(data, True)
    except _Refused as error:
        found.problem = str(error)
    except (expat.ExpatError, ValueError, LookupError):  # of encodings that nobody knows
        found.is_broken = True
    if reader.left_out:
        names = ", ".join(sorted(reader.left_out))
        found.problem = f"of the {names} in its XMP only the first {MAX_VALUES:,} each are read"
    return found


class _Refused(Exception):  # noqa: N818 - it ends the reading
    """What is in a packet that no program writes."""


class _Reader:
    """Notes the values of the namespaces that are known, as attributes and as elements."""

    def __init__(self, found: Packet) -> None:
        self.left_out: set[str] = set()
        self._found = found
        self._left = MAX_ELEMENTS
        self._names: list[str | None] = []  # of the elements that are open, as `prefix:name`
        self._structures: list[dict[str, str]] = [{}]  # of the members of lists that are open
        self._text: list[str] = []
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _refuse(self, *declared: object) -> None:
        raise _Refused("its XMP has a document type, which it has no use for and attacks have")

    def _characters(self, text: str) -> None:
        self._text.append(text)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._names) >= MAX_DEPTH:
            raise _Refused(f"the elements of its XMP are nested more than {MAX_DEPTH} deep")
        self._left -= 1 + len(attributes)
        if self._left < 0:
            reason = f"its XMP has more than {MAX_ELEMENTS:,} elements; what comes before is read"
            raise _Refused(reason)
        self._text.clear()
        self._names.append(_short(name) if name != _LI else _LI)
        if name == _LI:
            self._structures.append({})
        for one, text in attributes.items():
            if one != _LANG and (short := _short(one)) is not None:
                self._note(short, text)

    def _end(self, name: str) -> None:
        text = "".join(self._text)
        self._text.clear()
        own = self._names.pop()
        if own == _LI:
            own = next((one for one in reversed(self._names) if one not in (None, _LI)), None)
            self._close()
        if own is not None and text.strip():
            self._note(own, text)

    def _note(self, name: str, text: str) -> None:
        """Keep a value of a property; one of a structure is kept with the others of it, too."""
        text = text.strip()
        if not text:
            return
        if name in (_REGION, _KIND):
            self._structures[-1].setdefault(name, text)
        elif name == _KEYWORD:
            self._structures[-1].setdefault(name, text)
            levels = [one[_KEYWORD] for one in self._structures if _KEYWORD in one]
            self._keep(self._found.paths, LEVEL.join(levels), "keywords")
        else:
            self._keep(self._found.values.setdefault(name, []), text, f"values of {name}")

    def _close(self) -> None:
        """Take what a member of a list says together."""
        structure = self._structures.pop()
        if _REGION in structure and structure.get(_KIND, "") in _NAMED:
            self._keep(self._found.people, structure[_REGION], "regions")

    def _keep(self, values: list[str], value: str, noun: str) -> None:
        if len(values) < MAX_VALUES:
            values.append(value)
        else:
            self.left_out.add(noun)


def _short(name: str) -> str | None:
    space, _, local = name.rpartition(" ")
    if space not in _SPACES:
        return None
    short = f"{_SPACES[space]}:{local}"
    is_wanted = _SPACES[space] != "darktable" or short == "darktable:colorlabels"
    return short if is_wanted and short not in _IGNORED else None
