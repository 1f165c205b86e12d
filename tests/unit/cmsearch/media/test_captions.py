"""Files of captions in the forms in which people keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cmsearch.errors import MediaError
from cmsearch.media.captions import CaptionsReader
from cmsearch.types import Part, Reading, Skipped

SIZE = 260


def read(folder: Path, name: str, content: str | bytes) -> list[Part | Skipped]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(CaptionsReader().read(path, Reading(SIZE)))


def captions(folder: Path, name: str, content: str | bytes) -> list[tuple[str | None, str, str]]:
    """The image, text and locator of each caption; fails where a line was left out."""
    parts = read(folder, name, content)
    assert all(isinstance(part, Part) and part.kind == "caption" for part in parts)
    return [(part.about, part.content, part.locator) for part in parts if isinstance(part, Part)]


def skipped(parts: list[Part | Skipped]) -> list[tuple[str, str]]:
    """The file and locator of what was left out."""
    return [(part.path, part.locator) for part in parts if isinstance(part, Skipped)]


def coco(*annotations: Any, **changes: Any) -> str:
    images = [{"id": 7, "file_name": "000007.jpg"}, {"id": 9, "file_name": "000009.jpg"}]
    return json.dumps({"images": images, "annotations": annotations} | changes)


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
    parts = read(tmp_path, "captions.jsonl", f"{good}\n\n{bad}\n{good}\n")
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
    for part in read(tmp_path, "captions.jsonl", line):
        assert isinstance(part, Skipped) or part.content.encode().decode() == part.content


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", '{"id": 1, "text": "a log"}\n' * 50, "no JSON at all\n", "[1, 2]\n3\n"],
)
def test_other_json_lines_are_left_alone(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, "log.jsonl", content) == []


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
    parts = read(tmp_path, "c.csv", content)
    assert skipped(parts) == [("c.csv", "3"), ("c.csv", "4"), ("c.csv", "5")]
    assert [part.locator for part in parts if isinstance(part, Part)] == ["2", "6"]


@pytest.mark.parametrize(
    "content", ["", "name,price\ntea,3\n", "image,title\na.jpg,A\n", "a.jpg,A dog\n"]
)
def test_other_csv_is_left_alone(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, "c.csv", content) == []


def test_csv_with_an_endless_field(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not CSV"):
        read(tmp_path, "c.csv", "image,caption\na.jpg," + "x" * 200_000)


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
    parts = read(tmp_path, "coco.json", coco(good, bad, good))
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
    assert read(tmp_path, "other.json", content) == []


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
        read(tmp_path, "coco.json", content)


# --- encodings ---


def test_a_byte_order_mark_does_not_hide_the_header(tmp_path: Path) -> None:
    content = "image,caption\na.jpg,A\n".encode("utf-8-sig")
    assert captions(tmp_path, "c.csv", content) == [("a.jpg", "A", "2")]
