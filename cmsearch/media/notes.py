"""What people and programs wrote in a picture or beside it: captions, keywords, people, ratings.

Of the sources in one file the guidelines of the Metadata Working Group (version 2.0, 2010) say
which counts: for a description and a creator EXIF, then XMP, then IPTC's records; for the rest XMP
before these. IPTC's come first where they were changed after XMP. docs/metadata.md has the list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ExifTags

from cmsearch.common.text import caseless, printable
from cmsearch.media import iptc
from cmsearch.media.sources import Sources, value_of
from cmsearch.media.xmp import LEVEL, MAX_VALUES, Packet
from cmsearch.types import NO_NOTES, Capture, Modality, Noted, Notes, Part, Skipped

LONGEST = 200
"""Characters of a keyword or a name at most: what is longer is none."""
MOST_LEVELS = 20
_TEXTS = {
    "title": ("dc:title",),
    "headline": ("photoshop:Headline",),
    "description": ("dc:description", "acdsee:caption"),
    "alt text": ("Iptc4xmpCore:AltTextAccessibility",),
    "extended description": ("Iptc4xmpCore:ExtDescrAccessibility",),
    "event": ("Iptc4xmpExt:Event",),
}
"""By the place that a caption is said to be from the properties of XMP that hold it."""
_RECORDED = {"title": iptc.TITLE, "headline": iptc.HEADLINE, "description": iptc.CAPTION}
"""Those of them that IPTC's records have, too."""
_LANGUAGES = 8
_SLASHED = ("digiKam:TagsList", "MicrosoftPhoto:LastKeywordXMP")
_BARRED = ("lr:hierarchicalSubject", "mediapro:CatalogSets")
_OWN_TAGS = "darktable"
"""What darktable marks pictures with for itself begins with it."""
_PEOPLE = (
    *("Iptc4xmpExt:PersonInImage", "Iptc4xmpExt:PersonName", "MPReg:PersonDisplayName"),
    "mediapro:People",
)
_PLACES = (
    *("Iptc4xmpExt:LocationName", "Iptc4xmpCore:Location", "Iptc4xmpExt:Sublocation"),
    *("photoshop:City", "Iptc4xmpExt:City", "photoshop:State", "Iptc4xmpExt:ProvinceState"),
    *("photoshop:Country", "Iptc4xmpExt:CountryName", "Iptc4xmpExt:WorldRegion"),
)
_RECORDED_PLACES = (iptc.PLACE, iptc.CITY, iptc.STATE, iptc.COUNTRY)
_DIGIKAM = ("", "Red", "Orange", "Yellow", "Green", "Blue", "Magenta", "Gray", "Black", "White")
_DARKTABLE = ("Red", "Yellow", "Green", "Blue", "Purple")
_STARS, _PERCENT = 0x4746, 0x4749
_XP = {"title": 0x9C9B, "comment": 0x9C9C, "author": 0x9C9D, "keywords": 0x9C9E}
"""The tags of Windows, in UTF-16."""
_BOILERPLATE = re.compile(
    r"(?:\w+ ){0,3}digital (?:still )?camera|exif_?jpeg(?:_picture)?|sony dsc|dcim\W.*|default"
    r"|(?:created|edited|processed) (?:with|by) .*|jpeg image|picture|image|untitled|screenshot"
    r"|minolta dsc|lead technologies.*|olympus (?:imaging|optical).*|samsung(?: camera pictures)?"
    r"|<?kenox.*|oi[mp]_.*",
    re.IGNORECASE,
)
"""What cameras and programs write where a description belongs."""
_FILE_NAME = re.compile(
    r"\S.*\.(?:jpe?g|png|hei[cf]|gif|tiff?|webp|mp4|mov|m4v|avi|dng|cr[23]|nef)", re.I
)

Text = tuple[str, str]
"""The place that a caption is said to be from, such as `title`, and what it says."""


class Written(NamedTuple):
    """What is written about a picture: its captions, its notes, and what wasn't read of them."""

    texts: tuple[Text, ...] = ()
    notes: Notes = NO_NOTES
    problem: str = ""


def written(sources: Sources) -> Written:
    """What the sources in a picture's file say of it."""
    packet, records = sources.packet, sources.records
    texts = distinct([*_described(sources), *_texts(packet, but=_RECORDED)])
    flat = sources.preferred(packet.all("dc:subject"), records.get(iptc.KEYWORD, []))
    more = _windows(sources, "keywords").split(";") if not flat else []
    keywords = keywords_of(packet, [*flat, *more])
    rating = rating_of(packet)
    own = _exif_rating(sources) if rating is None else rating
    notes = Notes(
        keywords=keywords,
        people=names([*packet.people, *packet.all(*_PEOPLE)]),
        places=_places(sources),
        rating=own,
        labels=labels_of(packet),
        creators=_creators(sources),
    )
    return Written(texts, notes, packet.problem or _too_many(flat))


def written_in(packet: Packet) -> Written:
    """What XMP says that stands alone."""
    notes = Notes(
        keywords=keywords_of(packet, packet.all("dc:subject")),
        people=names([*packet.people, *packet.all(*_PEOPLE)]),
        places=names(packet.all(*_PLACES)),
        rating=rating_of(packet),
        labels=labels_of(packet),
        creators=names(packet.all("dc:creator")),
    )
    return Written(distinct(_texts(packet)), notes, packet.problem)


def captions(texts: Iterable[Text], name: str) -> Iterator[Part]:
    """The captions of the file called `name`; what only is its name again says nothing."""
    own = {caseless(name), caseless(name.rpartition(".")[0])}
    for place, text in texts:
        if caseless(text) not in own and not _FILE_NAME.fullmatch(text):
            yield Part(Modality.TEXT, "caption", text, None, place)


def noted_parts(own: Written, path: Path, capture: Capture) -> Iterator[Part | Noted | Skipped]:
    """What is written in the file at a path, as a reader gives it."""
    for part in captions(own.texts, path.name):
        yield replace(part, capture=capture)
    if own.notes != NO_NOTES:
        yield Noted(own.notes)
    if own.problem:
        yield Skipped(path.name, own.problem, "metadata")


def distinct(texts: Iterable[Text]) -> tuple[Text, ...]:
    """Texts without those that were said before, without what cameras write, on one line each."""
    found: dict[str, Text] = {}
    for place, text in texts:
        if line := _line(text):
            found.setdefault(caseless(line), (place, line))
    return tuple(found.values())


def _line(text: str) -> str:
    """A text on one line; nothing of one that says nothing."""
    line = " ".join(printable(text.replace("\0", " ")).split())
    is_said = any(map(str.isalnum, line)) and not _BOILERPLATE.fullmatch(line)
    return line if is_said else ""


def names(values: Iterable[str]) -> tuple[str, ...]:
    """Names in order, each once whatever its case."""
    found: dict[str, str] = {}
    for value in values:
        name = " ".join(value.replace("\0", " ").split())
        if 0 < len(name) <= LONGEST and len(found) < MAX_VALUES:
            found.setdefault(caseless(name), name)
    return tuple(found.values())


def keywords_of(packet: Packet, flat: Sequence[str]) -> tuple[str, ...]:
    """Keywords with their levels, and those of the flat ones that are no level of these."""
    slashed = (one.replace("/", LEVEL) for one in packet.all(*_SLASHED))
    leveled = [*packet.paths, *packet.all(*_BARRED), *slashed]
    paths = [levels(one) for one in leveled]
    own = [path for path in paths if path and path[0] != _OWN_TAGS]
    dropped = {caseless(level) for path in paths if path[:1] == (_OWN_TAGS,) for level in path}
    known = {caseless(level) for path in own for level in path} | dropped
    whole = [path for path in own if not any(_begins(other, path) for other in own)]
    return names([*map(LEVEL.join, whole), *(one for one in flat if caseless(one) not in known)])


def levels(keyword: str) -> tuple[str, ...]:
    """The levels of a keyword, the widest first."""
    found = (" ".join(level.split()) for level in keyword.split(LEVEL)[:MOST_LEVELS])
    return tuple(level for level in found if level)


def _begins(longer: Sequence[str], path: Sequence[str]) -> bool:
    return len(longer) > len(path) and longer[: len(path)] == path


def rating_of(packet: Packet) -> int | None:
    """Stars from -1 to 5."""
    if (stars := _number(packet.first("xmp:Rating", "acdsee:rating"))) is not None:
        return max(-1, min(5, round(stars)))
    percent = packet.first("MicrosoftPhoto:Rating", "MicrosoftPhoto:RatingPercent")
    return _of_percent(_number(percent))


def labels_of(packet: Packet) -> tuple[str, ...]:
    """The names of a picture's colours."""
    named = packet.all("xmp:Label") or packet.all("photoshop:LabelColor")
    if not named:
        for name, colours in (
            ("digiKam:ColorLabel", _DIGIKAM),
            ("darktable:colorlabels", _DARKTABLE),
        ):
            numbers = (int(one) for one in packet.all(name) if one.isdecimal() and len(one) < 3)
            named += [colours[number] for number in numbers if number < len(colours)]
    return names(named)


def _texts(packet: Packet, but: Collection[str] = ()) -> Iterator[Text]:
    for place, properties in _TEXTS.items():
        if place not in but:
            yield from ((place, text) for text in packet.all(*properties)[:_LANGUAGES])


def _described(sources: Sources) -> Iterator[Text]:
    """The captions that several sources may have, each from the first that counts."""
    for place, number in _RECORDED.items():
        packet = sources.packet.all(*_TEXTS[place])
        found = sources.preferred(packet, sources.records.get(number, []))
        own = _of_exif(sources, packet) if place == "description" else ""
        found = list(filter(None, [_line(own)])) or found or [*_of_windows(sources, place)]
        yield from ((place, text) for text in found[:_LANGUAGES])


def _of_exif(sources: Sources, described: Sequence[str]) -> str:
    """EXIF's description, unless it is what was left of XMP's where only ASCII was written."""
    own = _text(value_of(sources.exif, ExifTags.Base.ImageDescription))
    lossy = {one.encode("ascii", "replace") for one in described}
    return "" if own.encode("ascii", "replace") in lossy else own


def _of_windows(sources: Sources, place: str) -> Iterator[str]:
    """What Windows notes in EXIF, and the text of a PNG by the names of its specification."""
    tag = {"title": "title", "description": "comment"}.get(place)
    for one in (tag and _windows(sources, tag), sources.info.get(place.title())):
        if one and isinstance(one, str):
            yield one


def _places(sources: Sources) -> tuple[str, ...]:
    recorded = [one for number in _RECORDED_PLACES for one in sources.records.get(number, [])]
    return names(sources.preferred(sources.packet.all(*_PLACES), recorded))


def _creators(sources: Sources) -> tuple[str, ...]:
    artist = _text(value_of(sources.exif, ExifTags.Base.Artist)) or _windows(sources, "author")
    if artist:
        return names(re.split(r"\s*;\s*", artist))
    author = sources.info.get("Author")
    beside = sources.preferred(
        sources.packet.all("dc:creator"), sources.records.get(iptc.CREATOR, [])
    )
    return names(beside or ([author] if isinstance(author, str) else []))


def _exif_rating(sources: Sources) -> int | None:
    stars = value_of(sources.exif, _STARS)
    if isinstance(stars, int) and 0 <= stars <= 5:
        return stars
    percent = value_of(sources.exif, _PERCENT)
    return _of_percent(percent if isinstance(percent, int) else None)


def _of_percent(percent: float | None) -> int | None:
    """Stars of the per cent that Windows writes: 1, 25, 50, 75, 99."""
    if percent is None or not 0 <= percent <= 100:
        return None
    return 0 if percent == 0 else min(5, int(percent + 12.5) // 25 + 1)


def _windows(sources: Sources, name: str) -> str:
    data = value_of(sources.exif, _XP[name])
    if isinstance(data, tuple) and all(isinstance(one, int) and 0 <= one < 256 for one in data):
        data = bytes(data)
    return (
        data.decode("utf-16-le", "ignore").replace("\0", "").strip()
        if isinstance(data, bytes)
        else ""
    )


def _text(value: Any) -> str:
    """A text of EXIF, which should be ASCII and is UTF-8 or Windows-1252 where it isn't."""
    data = value.encode("latin-1", "replace") if isinstance(value, str) else value
    if not isinstance(data, bytes):
        return ""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return text.replace("\0", " ").strip()


def _number(text: str) -> float | None:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return None
    return found if abs(found) <= 1000 else None


def _too_many(values: Sequence[str]) -> str:
    if len(values) <= MAX_VALUES:
        return ""
    return f"only the first {MAX_VALUES:,} of its {len(values):,} keywords are read"
