"""What people and programs wrote in pictures and beside them is read in the forms of many."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media.images import ImageReader
from cmsearch.media.notes import Written, written, written_in
from cmsearch.media.sources import exif_of, gathered
from cmsearch.media.xmp import MAX_DEPTH, MAX_PACKET, MAX_VALUES, read_packet
from cmsearch.media.xmp_files import XmpReader
from cmsearch.types import Noted, Notes, Part, Reading, Skipped
from tests.packets import alt, bag, jpeg, packet, records, resources


def said(data: bytes) -> Written:
    """What is written in a picture."""
    with Image.open(BytesIO(data)) as image:
        return written(gathered(exif_of(image), image.info))


def noted(elements: str, attributes: str = "") -> Notes:
    return written_in(read_packet(packet(elements, attributes))).notes


DARKTABLE = packet(
    bag("dc:subject", "darktable", "format", "nef", "Dogs", "Lisbon")
    + bag("lr:hierarchicalSubject", "Animals|Dogs", "Lisbon", "darktable|format|nef")
    + bag("darktable:colorlabels", "0", "3", kind="Seq")
    + bag("darktable:history", "<rdf:Description/>", kind="Seq"),
    'xmp:Rating="3" darktable:xmp_version="5" exif:DateTimeOriginal="2024:05:31 12:34:56.120"',
)
DIGIKAM = packet(
    bag("digiKam:TagsList", "Animals", "Animals/Dogs", "People/Anna", kind="Seq")
    + bag("MicrosoftPhoto:LastKeywordXMP", "Animals/Dogs", "People/Anna")
    + bag("lr:hierarchicalSubject", "Animals|Dogs", "People|Anna")
    + bag("dc:subject", "Dogs", "Anna")
    + alt("dc:description", "A dog runs", "Ein Hund rennt")
    + alt("dc:title", "The dog")
    + '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li>'
    '<rdf:Description mwg-rs:Name="Anna" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="0.5"/>'
    '</rdf:Description></rdf:li><rdf:li rdf:parseType="Resource"><mwg-rs:Type>Focus</mwg-rs:Type>'
    "<mwg-rs:Name>spot</mwg-rs:Name></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>",
    'xmp:Rating="4" digiKam:ColorLabel="2" digiKam:PickLabel="3" MicrosoftPhoto:Rating="75"',
)
LIGHTROOM = packet(
    bag("dc:subject", "Animals", "Dogs", "beach")
    + bag("lr:hierarchicalSubject", "Animals|Dogs", "beach")
    + bag("dc:creator", "Ada Lens", kind="Seq")
    + alt("dc:title", "A title")
    + alt("dc:description", "A dog on the beach")
    + bag("Iptc4xmpExt:PersonInImage", "Anna", "Bert"),
    'xmp:Rating="5" xmp:Label="Red" photoshop:City="Cascais" photoshop:State="Lisboa" '
    'photoshop:Country="Portugal" Iptc4xmpCore:Location="Praia do Guincho" '
    'photoshop:DateCreated="2024-05-31T12:34:56.12+01:00" photoshop:Headline="News"',
)
BRIDGE = packet(
    "<xmp:Rating>-1</xmp:Rating><xmp:Label>Approved</xmp:Label>"
    + bag("Iptc4xmpExt:LocationShown", '<rdf:Description Iptc4xmpExt:City="Köln" '
          'Iptc4xmpExt:CountryName="Deutschland"/>')
    + bag("Iptc4xmpExt:LocationCreated", "<Iptc4xmpExt:City>Bonn</Iptc4xmpExt:City>")
    + alt("Iptc4xmpCore:AltTextAccessibility", "A cathedral with two towers")
)  # fmt: skip
WINDOWS = packet(
    bag("MicrosoftPhoto:LastKeywordXMP", "Trips/Rome", "cats")
    + '<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li><rdf:Description '
    'MPReg:Rectangle="0, 0, 1, 1" MPReg:PersonDisplayName="Carla"/></rdf:li><rdf:li>'
    '<rdf:Description MPReg:Rectangle="0, 0, 1, 1"/></rdf:li></rdf:Bag></MPRI:Regions>'
    "</rdf:Description></MP:RegionInfo>",
    'MicrosoftPhoto:Rating="50"',
)  # fmt: skip
MWG = packet(
    '<mwg-kw:Keywords rdf:parseType="Resource"><mwg-kw:Hierarchy><rdf:Bag><rdf:li '
    'rdf:parseType="Resource"><mwg-kw:Keyword>Animals</mwg-kw:Keyword><mwg-kw:Children><rdf:Bag>'
    '<rdf:li rdf:parseType="Resource"><mwg-kw:Keyword>Dogs</mwg-kw:Keyword></rdf:li></rdf:Bag>'
    "</mwg-kw:Children></rdf:li></rdf:Bag></mwg-kw:Hierarchy></mwg-kw:Keywords>"
    + bag("Iptc4xmpExt:PersonInImageWDetails", '<rdf:Description>'
          + alt("Iptc4xmpExt:PersonName", "Dora") + "</rdf:Description>")
)  # fmt: skip
FORMS = {
    "darktable": (DARKTABLE, Notes(("Animals|Dogs", "Lisbon"), rating=3, labels=("Red", "Blue"))),
    "digiKam": (
        DIGIKAM,
        Notes(("Animals|Dogs", "People|Anna"), ("Anna",), rating=4, labels=("Orange",)),
    ),
    "Lightroom": (
        LIGHTROOM,
        Notes(
            ("Animals|Dogs", "beach"), ("Anna", "Bert"),
            ("Praia do Guincho", "Cascais", "Lisboa", "Portugal"), 5, ("Red",), ("Ada Lens",),
        ),
    ),
    "Bridge": (
        BRIDGE, Notes(places=("Köln", "Bonn", "Deutschland"), rating=-1, labels=("Approved",))
    ),
    "Windows": (WINDOWS, Notes(("Trips|Rome", "cats"), ("Carla",), rating=3)),
    "MWG": (MWG, Notes(("Animals|Dogs",), ("Dora",))),
}  # fmt: skip


@pytest.mark.parametrize("program", FORMS)
@pytest.mark.parametrize("place", ["JPEG", "sidecar"])
def test_what_programs_write_is_read(program: str, place: str, tmp_path: Path) -> None:
    data, expected = FORMS[program]
    path = tmp_path / ("a.jpg" if place == "JPEG" else "a.jpg.xmp")
    path.write_bytes(jpeg(xmp=data) if place == "JPEG" else data)
    reader: Any = ImageReader() if place == "JPEG" else XmpReader()
    (found,) = (one for one in reader.read(path, Reading(8)) if isinstance(one, Noted))
    assert found.notes == expected
    assert found.source == ("embedded" if place == "JPEG" else "sidecar")


def test_titles_and_descriptions_are_captions(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(DIGIKAM)
    parts = [one for one in XmpReader().read(path, Reading(8)) if isinstance(one, Part)]
    assert [(part.content, part.locator, part.kind) for part in parts] == [
        ("The dog", "title", "caption"),
        ("A dog runs", "description", "caption"),
        ("Ein Hund rennt", "description", "caption"),
    ]
    lightroom = written_in(read_packet(LIGHTROOM)).texts
    assert lightroom == (
        ("title", "A title"), ("headline", "News"), ("description", "A dog on the beach")
    )  # fmt: skip
    assert written_in(read_packet(BRIDGE)).texts == (("alt text", "A cathedral with two towers"),)


def test_a_sidecar_says_when_and_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(
        packet("", 'exif:DateTimeOriginal="2019-05-06T07:08:09.5+02:00" exif:GPSLatitude="38,43.5N"'
               ' exif:GPSLongitude="9,8,0W" xmp:CreateDate="2001-01-01"')
    )  # fmt: skip
    (found,) = XmpReader().read(path, Reading(8))
    assert isinstance(found, Noted)
    assert str(found.capture.taken) == "2019-05-06 07:08:09.500000"
    assert (found.capture.zone, found.capture.source) == ("+02:00", "sidecar")
    assert found.capture.latitude == pytest.approx(38.725)
    path.write_bytes(packet("", 'xmp:CreateDate="2001-01-01"'))
    assert list(XmpReader().read(path, Reading(8))) == []  # it may be when the raw was developed


RECORDS = records(
    (5, "A title"), (25, "Käse"), (25, "Brot"), (80, "Ada"), (90, "Köln"), (95, "NRW"),
    (101, "Germany"), (92, "Dom"), (120, "A caption"), (105, "News"),
)  # fmt: skip


def test_records_of_iptc() -> None:
    found = said(jpeg(app13=resources(x0404=RECORDS)))
    assert found.notes == Notes(
        ("Käse", "Brot"), places=("Dom", "Köln", "NRW", "Germany"), creators=("Ada",)
    )
    texts = dict(found.texts)
    assert texts == {"title": "A title", "headline": "News", "description": "A caption"}
    windows = records((25, "Käse".encode("cp1252")), utf8=False)
    assert said(jpeg(app13=resources(x0404=windows))).notes.keywords == ("Käse",)
    assert said(jpeg(app13=resources(x0404=RECORDS[:70]))).notes.keywords == ("Käse", "Brot")


@pytest.mark.parametrize(
    ("digest", "counts"),
    [
        (None, "xmp"),
        (hashlib.md5(RECORDS).digest(), "xmp"),
        (bytes(16), "xmp"),
        (hashlib.md5(b"what they were").digest(), "iptc"),
    ],
)
def test_records_that_were_changed_after_xmp_count_before_it(
    digest: bytes | None, counts: str
) -> None:
    """The rule of the Metadata Working Group for programs that know only one of both."""
    xmp = packet(bag("dc:subject", "Own") + alt("dc:description", "XMP's"))
    kept = {} if digest is None else {"x0425": digest}
    found = said(jpeg(xmp=xmp, app13=resources(x0404=RECORDS, **kept)))
    expected = {"xmp": (("Own",), "XMP's"), "iptc": (("Käse", "Brot"), "A caption")}
    assert (found.notes.keywords, dict(found.texts)["description"]) == expected[counts]


TAGS = {
    "description": 0x010E, "artist": 0x013B, "stars": 0x4746, "percent": 0x4749,
    "title": 0x9C9B, "comment": 0x9C9C, "author": 0x9C9D, "keywords": 0x9C9E,
}  # fmt: skip


def exif(**tags: Any) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        is_wide = name in ("title", "comment", "author", "keywords")
        made[TAGS[name]] = f"{value}\0".encode("utf-16-le") if is_wide else value
    return made


def test_what_exif_has() -> None:
    found = said(jpeg(exif=exif(title="Täst", comment="Said", author="Ada;Bert", keywords="a;ü b",
                                percent=99)))  # fmt: skip
    assert found.texts == (("title", "Täst"), ("description", "Said"))
    assert found.notes == Notes(("a", "ü b"), rating=5, creators=("Ada", "Bert"))
    assert said(jpeg(exif=exif(stars=2, percent=99))).notes.rating == 2
    assert said(jpeg(exif=exif(stars=9))).notes == Notes()
    description = "Grüße".encode()
    found = said(jpeg(exif=exif(description=description, artist="Ada")))
    assert (found.texts, found.notes.creators) == ((("description", "Grüße"),), ("Ada",))


def test_of_descriptions_that_of_exif_counts_unless_it_is_the_rest_of_xmp() -> None:
    xmp = packet(alt("dc:description", "Grüße"))
    assert said(jpeg(exif=exif(description="Another"), xmp=xmp)).texts == (
        ("description", "Another"),
    )
    assert said(jpeg(exif=exif(description="Gr??e"), xmp=xmp)).texts == (("description", "Grüße"),)


@pytest.mark.parametrize(
    "text",
    ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "Exif_JPEG_PICTURE", "DCIM\\100MEDIA\\DJI_0001.JPG",
     "Created with GIMP", "   ", "---", "default"],
)  # fmt: skip
def test_what_cameras_write_for_a_description_is_none(text: str) -> None:
    xmp = packet(alt("dc:description", "A dog"))
    assert said(jpeg(exif=exif(description=text), xmp=xmp)).texts == (("description", "A dog"),)


def test_a_title_that_is_the_name_of_the_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.jpg"
    for title, is_said in (
        ("IMG_1", False),
        ("img_1.JPG", False),
        ("IMG_7.HEIC", False),
        ("x", True),
    ):
        path.write_bytes(jpeg(xmp=packet(alt("dc:title", title))))
        kinds = [
            part.kind for part in ImageReader().read(path, Reading(8)) if isinstance(part, Part)
        ]
        assert ("caption" in kinds) is is_said


@pytest.mark.parametrize(
    ("attributes", "rating"),
    [
        ('xmp:Rating="4.0"', 4), ('xmp:Rating="0"', 0), ('xmp:Rating="-1"', -1),
        ('xmp:Rating="99"', 5), ('xmp:Rating="nan"', None), ('xmp:Rating="five"', None),
        ('MicrosoftPhoto:Rating="1"', 1), ('MicrosoftPhoto:Rating="25"', 2),
        ('MicrosoftPhoto:Rating="75"', 4), ('MicrosoftPhoto:Rating="0"', 0),
        ('acdsee:rating="2"', 2), ("", None),
    ],
)  # fmt: skip
def test_ratings(attributes: str, rating: int | None) -> None:
    assert noted("", attributes).rating == rating


ENTITIES = b"""<!DOCTYPE a [<!ENTITY a "dogs"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>"""


def test_bombs_are_bounded_and_told(tmp_path: Path) -> None:
    many = packet(bag("dc:subject", *(f"keyword {number}" for number in range(10 * MAX_VALUES))))
    deep = packet("<dc:a>" * 10 * MAX_DEPTH)
    bombs = {
        "document type": ENTITIES + packet(bag("dc:subject", "&c;")),
        "larger than 4 MiB": packet(" " * MAX_PACKET),
        f"first {MAX_VALUES:,}": many,
        f"more than {MAX_DEPTH} deep": deep,
    }
    for reason, data in bombs.items():
        found = written_in(read_packet(data))
        assert reason in found.problem
        assert len(found.notes.keywords) == (MAX_VALUES if data is many else 0)
        path = tmp_path / "a.png.xmp"
        path.write_bytes(data)
        if data is many:
            assert [type(one) for one in XmpReader().read(path, Reading(8))] == [Noted, Skipped]
        else:
            with pytest.raises(MediaError, match=reason):
                list(XmpReader().read(path, Reading(8)))
    told = said(jpeg(app13=resources(x0404=records(*[(25, f"word {n}") for n in range(1500)]))))
    assert len(told.notes.keywords) == MAX_VALUES and "1,500 keywords" in told.problem


def test_a_picture_with_a_bomb_is_indexed_and_the_bomb_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(xmp=ENTITIES + packet(bag("dc:subject", "&c;"))))
    photo, skipped = ImageReader().read(path, Reading(8))
    assert isinstance(photo, Part) and isinstance(skipped, Skipped)
    assert "document type" in skipped.reason and skipped.locator == "metadata"


@pytest.mark.parametrize("data", [b"", b"no XML", b"\xff\xfe<\0", DIGIKAM[:900], b"<a/>"])
def test_a_sidecar_that_is_damaged(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(data)
    try:
        found = list(XmpReader().read(path, Reading(8)))
    except MediaError as error:
        assert "no XMP, or damaged" in str(error)
    else:
        assert all(isinstance(one, Skipped | Part | Noted) for one in found)
        assert not found or isinstance(found[-1], Skipped)


def test_long_keywords_are_none() -> None:
    assert noted(bag("dc:subject", "a" * 201, "b" * 200)).keywords == ("b" * 200,)
