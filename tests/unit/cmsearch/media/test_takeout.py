"""What Google Takeout writes beside a picture, and what else has such a name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cmsearch.media import moments
from cmsearch.media.takeout import NotesReader
from cmsearch.types import Noted, Part, Reading

TAKEOUT = {
    "title": "IMG_1.jpg",
    "description": "A dog on the beach",
    "imageViews": "3",
    "creationTime": {"timestamp": "1717200000", "formatted": "Jun 1, 2024"},
    "photoTakenTime": {"timestamp": "1557126489", "formatted": "May 6, 2019, 7:08:09 AM UTC"},
    "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
    "geoDataExif": {"latitude": 38.7, "longitude": -9.1, "altitude": 12.0},
    "people": [{"name": "Anna"}, {"name": "Bert"}, {"name": 7}, "x"],
    "url": "https://photos.google.com/photo/x",
}


def read(folder: Path, value: Any) -> list[Any]:
    path = folder / "IMG_1.jpg.supplemental-metadata.json"
    path.write_text(json.dumps(value))
    return list(NotesReader().read(path, Reading(8)))


def test_takeout_is_read(tmp_path: Path) -> None:
    caption, noted = read(tmp_path, TAKEOUT)
    assert isinstance(caption, Part) and isinstance(noted, Noted)
    assert (caption.content, caption.locator, caption.about) == (
        "A dog on the beach", "description", None
    )  # fmt: skip
    assert (noted.notes.people, noted.source) == (("Anna", "Bert"), "takeout")
    capture = noted.capture
    assert (capture.latitude, capture.longitude, capture.source) == (38.7, -9.1, "takeout")
    utc = datetime.fromtimestamp(1557126489, UTC).replace(tzinfo=None)
    assert capture.taken == moments.here(utc)


def test_what_takeout_leaves_out_or_writes_wrongly_is_nothing(tmp_path: Path) -> None:
    odd = {
        "photoTakenTime": {"timestamp": "nan"}, "geoData": {"latitude": 99, "longitude": True},
        "people": "Anna", "title": 3, "description": "",
    }  # fmt: skip
    assert read(tmp_path, odd) == []
    assert read(tmp_path, {"photoTakenTime": {"timestamp": "9" * 400}}) == []


def test_other_json_beside_a_picture_is_read_for_captions(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.jpg.json"
    path.write_text(json.dumps({"caption": "A dog"}))
    (part,) = NotesReader().read(path, Reading(8, knows=lambda name: name == "IMG_1.jpg"))
    assert isinstance(part, Part) and (part.content, part.about) == ("A dog", "IMG_1.jpg")
