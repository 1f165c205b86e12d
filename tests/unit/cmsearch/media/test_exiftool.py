"""What ExifTool writes into files of each format is read from them."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cmsearch.media.readers import reader_for
from cmsearch.types import Capture, Noted, Notes, Part, Reading
from tests import films
from tests.bad_files import DATA
from tests.raws import dng, quarters

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
PILLOW = {
    "jpg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "webp": "WEBP",
    "avif": "AVIF",
    "jp2": "JPEG2000",
}
XMP = [
    "-XMP-dc:Title=A title", "-XMP-dc:Description=Grüße vom Strand", "-XMP-dc:Subject=Lisbon",
    "-XMP-lr:HierarchicalSubject=Animals|Dogs", "-XMP-digiKam:TagsList=Animals/Cats",
    "-XMP-xmp:Rating=4", "-XMP-xmp:Label=Red", "-XMP-iptcExt:PersonInImage=Anna",
    "-RegionInfo={AppliedToDimensions={W=16,H=16,Unit=pixel},RegionList=[{Area={X=0.5,Y=0.5,W=0.1,"
    "H=0.1,Unit=normalized},Name=Bert,Type=Face}]}",
    "-RegionInfoMP={Regions=[{PersonDisplayName=Carla}]}",
    "-XMP-photoshop:City=Cascais", "-XMP-photoshop:Country=Portugal",
    "-XMP-iptcCore:Location=Guincho", "-XMP-dc:Creator=Ada",
    "-XMP-exif:DateTimeOriginal=2019:05:06 07:08:09+02:00",
]  # fmt: skip
OTHERS = [
    "-EXIF:ImageDescription=Grüße aus Köln", "-EXIF:Artist=Ada", "-EXIF:Rating=3",
    "-EXIF:XPTitle=Täst", "-EXIF:DateTimeOriginal=2019:05:06 07:08:09",
    "-EXIF:OffsetTimeOriginal=+09:00", "-EXIF:SubSecTimeOriginal=42", "-IPTC:Keywords=Käse",
    "-IPTC:ObjectName=IPTC's", "-IPTC:City=Köln", "-IPTC:CodedCharacterSet=UTF8",
]  # fmt: skip


def written(folder: Path, arguments: list[str], *formats: str) -> dict[str, list[Any]]:
    """By format what is read from a file into which ExifTool wrote."""
    for name, kind in PILLOW.items():
        Image.new("RGB", (16, 16), "red").save(folder / f"a.{name}", kind)
    Image.new("RGB", (16, 16), "red").save(folder / "a.gif")
    (folder / "a.heic").write_bytes((DATA / "quarters.heic").read_bytes())
    (folder / "a.dng").write_bytes(dng(quarters()))
    for name in ("mp4", "mov"):
        (folder / f"a.{name}").write_bytes(films.film())
    paths = [folder / f"a.{name}" for name in formats]
    command = ["exiftool", "-q", "-q", "-m", "-overwrite_original", *arguments, *map(str, paths)]
    subprocess.run(command, check=True, capture_output=True)
    found = {}
    for path in paths:
        reader = reader_for(path)
        assert reader is not None
        found[path.suffix[1:]] = list(reader.read(path, Reading(16)))
    return found


def said(parts: list[Any]) -> tuple[dict[str, str], Notes, Capture]:
    captions = {one.locator: one.content for one in parts if getattr(one, "kind", "") == "caption"}
    (noted,) = (one for one in parts if isinstance(one, Noted))
    return captions, noted.notes, next(one.capture for one in parts if isinstance(one, Part))


def test_xmp_in_eleven_formats(tmp_path: Path) -> None:
    found = written(tmp_path, XMP, *PILLOW, "gif", "heic", "dng", "mp4", "mov")
    for parts in found.values():
        captions, notes, capture = said(parts)
        assert captions == {"title": "A title", "description": "Grüße vom Strand"}
        assert set(notes.keywords) == {"Animals|Dogs", "Animals|Cats", "Lisbon"}
        assert set(notes.people) == {"Anna", "Bert", "Carla"}
        assert notes.places == ("Guincho", "Cascais", "Portugal")
        assert (notes.rating, notes.labels, notes.creators) == (4, ("Red",), ("Ada",))
        assert (capture.taken, capture.zone) == (datetime(2019, 5, 6, 7, 8, 9), "+02:00")


def test_exif_and_records_of_iptc(tmp_path: Path) -> None:
    found = written(tmp_path, OTHERS, *PILLOW, "heic", "dng")
    for name, parts in found.items():
        captions, notes, capture = said(parts)
        has_records = name in ("jpg", "png", "tif", "dng", "jp2")
        title = "IPTC's" if has_records else "Täst"
        assert captions == {"title": title, "description": "Grüße aus Köln"}
        assert notes.keywords == (("Käse",) if has_records else ())
        assert notes.places == (("Köln",) if has_records else ())
        assert (notes.rating, notes.creators) == (3, ("Ada",))
        assert capture.taken == datetime(2019, 5, 6, 7, 8, 9, 420_000)
        assert (capture.zone, capture.source) == ("+09:00", "exif")
