"""Texts beside pictures and documents, in the encodings in which people keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import lines, texts
from cmsearch.media.captions import CaptionsReader
from cmsearch.media.texts import DocumentReader, SidecarReader
from cmsearch.protocols import Reader
from cmsearch.types import Modality, Part, Reading, Skipped

SIZE = 260
CAFE = "Un café à l'été."


def read(reader: Reader, folder: Path, name: str, content: str | bytes) -> list[Part | Skipped]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(reader.read(path, Reading(SIZE)))


# --- a text file beside a picture ---


def test_each_line_of_a_sidecar_is_a_caption(tmp_path: Path) -> None:
    found = read(SidecarReader(), tmp_path, "a.txt", "  A dog runs.\n\n \nTwo dogs. They run.\n")
    assert found == [
        Part(Modality.TEXT, "caption", "A dog runs.", None, "1"),
        Part(Modality.TEXT, "caption", "Two dogs. They run.", None, "4"),
    ]


def test_an_empty_sidecar_gives_nothing(tmp_path: Path) -> None:
    assert read(SidecarReader(), tmp_path, "a.txt", "") == []


# --- documents ---


def test_a_document_is_passages_with_their_lines(tmp_path: Path) -> None:
    content = "A walk.\nIt rained.\n\nWe stayed.\n"
    assert read(DocumentReader(), tmp_path, "walk.txt", content) == [
        Part(Modality.TEXT, "passage", "A walk. It rained.", None, "1-2"),
        Part(Modality.TEXT, "passage", "We stayed.", None, "4"),
    ]


def test_markdown_loses_its_marks(tmp_path: Path) -> None:
    content = "# A walk\n\n> It *rained*.\n\n- one\n  * two\n3. three\n\n#tag -5 1.5\n"
    found = read(DocumentReader(), tmp_path, "walk.md", content)
    assert [part.content for part in found if isinstance(part, Part)] == [
        "A walk",
        "It *rained*.",
        "one two three",
        "#tag -5 1.5",
    ]


def test_plain_text_keeps_its_marks(tmp_path: Path) -> None:
    (part,) = read(DocumentReader(), tmp_path, "walk.txt", "# A walk\n")
    assert isinstance(part, Part)
    assert part.content == "# A walk"


# --- encodings ---


@pytest.mark.parametrize(
    "data",
    [
        CAFE.encode(),
        CAFE.encode("utf-8-sig"),
        CAFE.encode("utf-16"),
        b"\xff\xfe" + CAFE.encode("utf-16-le"),
        b"\xfe\xff" + CAFE.encode("utf-16-be"),
        CAFE.encode("latin-1"),
        CAFE.encode("cp1252"),
    ],
    ids=["UTF-8", "UTF-8 BOM", "UTF-16", "UTF-16 LE", "UTF-16 BE", "Latin-1", "Windows-1252"],
)
@pytest.mark.parametrize(("reader", "name"), [(SidecarReader, "a.txt"), (DocumentReader, "a.md")])
def test_encodings(tmp_path: Path, reader: type[Reader], name: str, data: bytes) -> None:
    (part,) = read(reader(), tmp_path, name, data)
    assert isinstance(part, Part)
    assert part.content == CAFE


def test_windows_quotes(tmp_path: Path) -> None:
    (part,) = read(SidecarReader(), tmp_path, "a.txt", "“Été” – €5".encode("cp1252"))
    assert isinstance(part, Part)
    assert part.content == "“Été” – €5"


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        (SidecarReader, "a.txt"),
        (DocumentReader, "a.txt"),
        (DocumentReader, "a.md"),
        (CaptionsReader, "a.csv"),
        (CaptionsReader, "a.jsonl"),
    ],
)
def test_zero_bytes_are_no_text(tmp_path: Path, reader: type[Reader], name: str) -> None:
    with pytest.raises(MediaError, match="zero bytes"):
        read(reader(), tmp_path, name, b"image,caption\n\0\1\2\n")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="can't be read: No such file"):
        list(DocumentReader().read(tmp_path / "gone.txt", Reading(SIZE)))


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_BYTES", 2**20)
    with pytest.raises(MediaError, match="larger than 1 MiB"):
        read(DocumentReader(), tmp_path, "dump.txt", b"x" * (2**20 + 1))


def test_of_a_text_without_an_end_the_beginning_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MAX_TEXT", 25_000)
    found = read(DocumentReader(), tmp_path, "a.txt", "One.\n" + "x" * 100_000 + "\nTwo.\n")
    taken = [part.content for part in found if isinstance(part, Part)]
    assert sum(map(len, taken)) <= 25_100
    assert max(map(len, taken)) <= 20_000
    assert found[-1] == Skipped("a.txt", "what comes after 25,000 characters is left out", "2")


def test_a_file_of_countless_lines_is_not_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINES", 10)
    with pytest.raises(MediaError, match="11 lines are more than 10"):
        read(DocumentReader(), tmp_path, "a.txt", "a\n" * 11)
