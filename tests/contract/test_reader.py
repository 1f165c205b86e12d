"""What every reader keeps to, the built-in ones and those of other packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmsearch.common import locators
from cmsearch.common.kinds import NOTED
from cmsearch.errors import MediaError
from cmsearch.media.readers import make_reader, readers
from cmsearch.types import READ, Modality, Noted, Part, Reading, Segment, Skipped
from tests import films
from tests.bad_files import DATA, saved
from tests.documents import docx, lines, paragraph, pdf
from tests.packets import packet
from tests.raws import dng, quarters

SIZE = 16
FILES = {
    ".jpg": saved("JPEG"),
    ".heic": (DATA / "quarters.heic").read_bytes(),
    ".dng": dng(quarters()),
    ".txt": b"One line.\nAnother line.\n",
    ".md": b"# One line\n\nAnother.\n",
    ".csv": b"image,caption\na.jpg,A\nb.jpg,\n",
    ".jsonl": b'{"image": "a.jpg", "caption": "A"}\n{}\n',
    ".ogg": (DATA / "dogs.ogg").read_bytes(),
    ".mp4": films.film(),
    ".srt": b"1\n00:00:01,000 --> 00:00:02,000\nOne line.\n\nxx --> 1\n",
    ".html": b"<title>A page</title><p>One line.<p>Another line.",
    ".docx": docx(paragraph("One line.") + paragraph("Another line.")),
    ".xmp": packet("<dc:title>A title</dc:title><xmp:Rating>4</xmp:Rating>"),
    ".pdf": pdf(lines("One line.", "Another line.")),
    ".json": b'{"images": [{"id": 1, "file_name": "a.jpg"}],'
    b' "annotations": [{"image_id": 1, "caption": "A"}]}',
}
KINDS = sorted(readers.rows())


@pytest.mark.parametrize("kind", KINDS)
def test_suffixes_are_in_small_letters(kind: str) -> None:
    suffixes = make_reader(kind).suffixes
    assert suffixes
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_an_extra_or_nothing(kind: str) -> None:
    missing = make_reader(kind).missing
    assert missing is None or missing.isidentifier()


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_what_encoders_take(kind: str, tmp_path: Path) -> None:
    reader, seen = make_reader(kind), 0
    for suffix in reader.suffixes & FILES.keys():
        path = tmp_path / f"a{suffix}"
        path.write_bytes(FILES[suffix])
        for part in reader.read(path, Reading(SIZE, lambda path: [Segment(0, 2.5, "Two dogs.")])):
            seen += 1
            if isinstance(part, Skipped):
                assert part.reason and part.locator
            elif isinstance(part, Noted):
                assert part.source in NOTED
            elif part.modality in READ:
                assert part.content == part.content.strip() != ""
            elif part.modality is Modality.VIDEO:
                assert part.content and {picture.mode for picture in part.content} == {"RGB"}
                assert locators.span(part.locator)
            else:
                assert isinstance(part, Part) and part.content.mode == "RGB"
    assert seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ["gone", "pipe", "device", "folder"])
def test_what_cannot_be_opened_is_an_error_of_its_own(kind: str, odd: str, tmp_path: Path) -> None:
    reader = make_reader(kind)
    for suffix in reader.suffixes:
        path = tmp_path / f"a{suffix}"
        if odd == "pipe":
            os.mkfifo(path)
        elif odd == "device":
            path.symlink_to("/dev/zero")
        elif odd == "folder":
            path.mkdir()
        with pytest.raises(MediaError, match=r"can't be read: (No such file|not a regular file)"):
            list(reader.read(path, Reading(SIZE)))
