"""Captions and documents in the forms in which people keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import texts
from cmsearch.media.texts import CaptionsReader, DocumentReader, SidecarReader
from cmsearch.types import Modality, Part, Reader, Reading, Skipped

SIZE = 260
CAFE = "Un café à l'été."


def read(reader: Reader, folder: Path, name: str, content: str | bytes) -> list[Part | Skipped]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(reader.read(path, Reading(SIZE)))


def captions(folder: Path, name: str, content: str | bytes) -> list[tuple[str | None, str, str]]:
    """The image, text and locator of each caption; fails where a line was left out."""
    parts = read(CaptionsReader(), folder, name, content)
    assert all(isinstance(part, Part) and part.kind == "caption" for part in parts)
    return [(part.about, part.content, part.locator) for part in parts if isinstance(part, Part)]


def skipped(parts: list[Part | Skipped]) -> list[tuple[str, str]]:
    """The file and locator of what was left out."""
    return [(part.path, part.locator) for part in parts if isinstance(part, Skipped)]


def coco(*annotations: Any, **changes: Any) -> str:
    images = [{"id": 7, "file_name": "000007.jpg"}, {"id": 9, "file_name": "000009.jpg"}]
    return json.dumps({"images": images, "annotations": annotations} | changes)


# --- a text file beside a picture ---


def test_each_line_of_a_sidecar_is_a_caption(tmp_path: Path) -> None:
    found = read(SidecarReader(), tmp_path, "a.txt", "  A dog runs.\n\n \nTwo dogs. They run.\n")
    assert found == [
        Part(Modality.TEXT, "caption", "A dog runs.", None, "1"),
        Part(Modality.TEXT, "caption", "Two dogs. They run.", None, "4"),
    ]


def test_an_empty_sidecar_gives_nothing(tmp_path: Path) -> None:
    assert read(SidecarReader(), tmp_path, "a.txt", "") == []


# --- JSON lines ---


def test_json_lines(tmp_path: Path) -> None:
    content = '{"image": "a.jpg", "caption": " A dog. "}\n\n{"caption": "B", "image": "b/c.png"}\n'
    assert captions(tmp_path, "captions.jsonl", content) == [
        ("a.jpg", "A dog.", "1"),
        ("b/c.png", "B", "3"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "not JSON",
        '{"image": "b.jpg"}',
        '{"image": "b.jpg", "caption": 5}',
        '{"image": "b.jpg", "caption": " "}',
        '{"image": null, "caption": "B"}',
        '["b.jpg", "B"]',
        "[" * 100_000,
    ],
)
def test_a_bad_json_line_is_reported_with_its_number(tmp_path: Path, bad: str) -> None:
    good = '{"image": "a.jpg", "caption": "A"}'
    parts = read(CaptionsReader(), tmp_path, "captions.jsonl", f"{good}\n\n{bad}\n{good}\n")
    assert skipped(parts) == [("captions.jsonl", "3")]
    assert [part.locator for part in parts] == ["1", "3", "4"]


def test_a_json_line_may_hold_the_ends_of_line_of_unicode(tmp_path: Path) -> None:
    line = json.dumps({"image": "a.jpg", "caption": "one\u2028two\x85three"}, ensure_ascii=False)
    assert captions(tmp_path, "captions.jsonl", f"{line}\n{line}\n") == [
        ("a.jpg", "one\u2028two\x85three", "1"),
        ("a.jpg", "one\u2028two\x85three", "2"),
    ]


def test_half_a_surrogate_pair_never_reaches_the_catalog(tmp_path: Path) -> None:
    """SQLite and tokenizers take valid Unicode only."""
    line = r'{"image": "a.jpg", "caption": "a dog \ud83d"}'
    for part in read(CaptionsReader(), tmp_path, "captions.jsonl", line):
        assert isinstance(part, Skipped) or part.content.encode().decode() == part.content


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", '{"id": 1, "text": "a log"}\n' * 50, "no JSON at all\n", "[1, 2]\n3\n"],
)
def test_other_json_lines_are_left_alone(tmp_path: Path, content: str) -> None:
    assert read(CaptionsReader(), tmp_path, "log.jsonl", content) == []


# --- CSV ---


def test_csv_with_a_header(tmp_path: Path) -> None:
    content = 'id,caption,image\r\n1," A dog, running ",a.jpg\r\n2,"He said ""sit""",b/c.png\r\n'
    assert captions(tmp_path, "c.csv", content) == [
        ("a.jpg", "A dog, running", "2"),
        ("b/c.png", 'He said "sit"', "3"),
    ]


def test_a_field_of_csv_may_go_over_lines(tmp_path: Path) -> None:
    ((_, text, _),) = captions(tmp_path, "c.csv", 'image,caption\na.jpg,"A dog\nruns."\n')
    assert text.split() == ["A", "dog", "runs."]


def test_a_bad_row_is_reported_with_its_line(tmp_path: Path) -> None:
    content = "image,caption\na.jpg,A\nb.jpg\n,B\nc.jpg, \nd.jpg,D,more\n"
    parts = read(CaptionsReader(), tmp_path, "c.csv", content)
    assert skipped(parts) == [("c.csv", "3"), ("c.csv", "4"), ("c.csv", "5")]
    assert [part.locator for part in parts if isinstance(part, Part)] == ["2", "6"]


@pytest.mark.parametrize(
    "content", ["", "name,price\ntea,3\n", "image,title\na.jpg,A\n", "a.jpg,A dog\n"]
)
def test_other_csv_is_left_alone(tmp_path: Path, content: str) -> None:
    assert read(CaptionsReader(), tmp_path, "c.csv", content) == []


def test_csv_with_an_endless_field(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not CSV"):
        read(CaptionsReader(), tmp_path, "c.csv", "image,caption\na.jpg," + "x" * 200_000)


# --- COCO's JSON ---


def test_coco(tmp_path: Path) -> None:
    content = coco(
        {"id": 1, "image_id": 9, "caption": "A dog.\n"}, {"id": 2, "image_id": 7, "caption": "B"}
    )
    assert captions(tmp_path, "captions_val2017.json", content) == [
        ("000009.jpg", "A dog.", "1"),
        ("000007.jpg", "B", "2"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"image_id": 8, "caption": "of no image"},
        {"image_id": 7},
        {"image_id": 7, "caption": 5},
        {"caption": "of nothing"},
        {"image_id": [7], "caption": "of a list"},
        "a string",
        None,
    ],
)
def test_a_bad_annotation_is_reported_with_its_number(tmp_path: Path, bad: Any) -> None:
    good = {"image_id": 7, "caption": "A"}
    parts = read(CaptionsReader(), tmp_path, "coco.json", coco(good, bad, good))
    assert skipped(parts) == [("coco.json", "2")]
    assert [part.locator for part in parts] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"name": "a package", "caption": "and no annotations"}',
        json.dumps({"images": [], "annotations": [{"bbox": [1, 2, 3, 4]}]}),
        b"\x93NUMPY\0\1",
    ],
)
def test_other_json_is_left_alone(tmp_path: Path, content: str | bytes) -> None:
    assert read(CaptionsReader(), tmp_path, "other.json", content) == []


@pytest.mark.parametrize(
    "content",
    [
        coco({"image_id": 7, "caption": "A"})[:-5],
        coco({"image_id": 7, "caption": "A"}, images=5),
        coco({"image_id": 7, "caption": "A"}, images=[{"id": 7}]),
        coco({"image_id": 7, "caption": "A"}, images=[{"id": [], "file_name": "a"}]),
        '{"annotations": 5, "images": [], "caption": 1}',
        '["annotations", "caption"]',
        b'{"annotations": [{"caption": "\xff"}]}',
        '{"annotations": "caption", "x": ' + "[" * 100_000,
    ],
)
def test_damaged_coco(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(MediaError, match="not COCO's captions"):
        read(CaptionsReader(), tmp_path, "coco.json", content)


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


def test_a_byte_order_mark_does_not_hide_the_header(tmp_path: Path) -> None:
    content = "image,caption\na.jpg,A\n".encode("utf-8-sig")
    assert captions(tmp_path, "c.csv", content) == [("a.jpg", "A", "2")]


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
    monkeypatch.setattr(texts, "MAX_BYTES", 2**20)
    with pytest.raises(MediaError, match="larger than 1 MiB"):
        read(DocumentReader(), tmp_path, "dump.txt", b"x" * (2**20 + 1))
