"""Files of captions in the forms in which people keep them."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from cmsearch.errors import MediaError
from cmsearch.media.captions import CaptionsReader
from cmsearch.media.texts import DocumentReader
from cmsearch.types import Modality, Part, Reading, Skipped

SIZE = 260


def read(
    folder: Path, name: str, content: str | bytes, known: Collection[str] = ()
) -> list[Part | Skipped]:
    """What is read of a file in a folder with the pictures that are `known`."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reader = DocumentReader() if name.endswith(".txt") else CaptionsReader()
    return list(reader.read(path, Reading(SIZE, knows=known.__contains__)))


def captions(
    folder: Path, name: str, content: str | bytes, known: Collection[str] = ()
) -> list[tuple[str | None, str, str]]:
    """The image, text and locator of each caption; fails where a line was left out."""
    parts = read(folder, name, content, known)
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


def test_an_endless_field_spoils_its_line_only(tmp_path: Path) -> None:
    content = "image,caption\na.jpg," + "x" * 200_000 + "\nb.jpg,B\n"
    bad, good = read(tmp_path, "c.csv", content)
    assert isinstance(bad, Skipped)
    assert (bad.locator, bad.reason) == ("2", "a field of more than 131,072 characters")
    assert good == Part(Modality.TEXT, "caption", "B", "b.jpg", "3")


HEADS = ["image,caption", "Image;Caption", "FILE_NAME\tText", "file name|Description", "photo,ALT"]


@pytest.mark.parametrize("head", [*HEADS, '"File Name","caption"', "sep=;\nimage;caption"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_as_spreadsheets_save_them(
    tmp_path: Path, head: str, encoding: str, end: str
) -> None:
    delimiter = next(one for one in ";\t|," if one in head)
    rows = [
        delimiter.join(["a.jpg", "Un café, l'été"])
        if delimiter != ","
        else 'a.jpg,"Un café, l\'été"',
        delimiter.join(["sub\\b.jpg", '"He said ""hi"""']),
    ]
    content = end.join([*head.split("\n"), *rows, ""]).encode(encoding)
    first = head.count("\n") + 2
    assert captions(tmp_path, "table.csv", content, ["a.jpg"]) == [
        ("a.jpg", "Un café, l'été", str(first)),
        ("sub\\b.jpg", 'He said "hi"', str(first + 1)),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,caption\na.jpg,A dog, running\n", [("a.jpg", "A dog, running")]),
        ("image,caption,,\na.jpg,A,,\n", [("a.jpg", "A")]),
        ("image,caption1,caption_2\na.jpg,A,B\n", [("a.jpg", "A"), ("a.jpg", "B")]),
        (
            "image,caption,caption\na.jpg,A,B\nb.jpg,,C\n",
            [*[("a.jpg", one) for one in "AB"], ("b.jpg", "C")],
        ),
        ("image_name| comment_number| comment\na.jpg| 0| A dog .\n", [("a.jpg", "A dog .")]),
        ("a.jpg#0\tA dog\na.jpg#1\tA cat\n", [("a.jpg", "A dog"), ("a.jpg", "A cat")]),
        ("a.jpg,A dog\nx.jpg,A cat\n", [("a.jpg", "A dog"), ("x.jpg", "A cat")]),
        ("a.jpg,A dog, running\na.jpg,B\n", [("a.jpg", "A dog, running"), ("a.jpg", "B")]),
        ("A dog;a.jpg\n", [("a.jpg", "A dog")]),
        ("a.jpg|0|A dog\n", [("a.jpg", "A dog")]),
        ("datei;was zu sehen ist\na.jpg;Ein Hund am See\n", [("a.jpg", "Ein Hund am See")]),
        ("id,file_name,text\n1,a.jpg,A\n", [("a.jpg", "A")]),
        ("title,description,path\nT,,a.jpg\nT,D,a.jpg\n", [("a.jpg", "T"), ("a.jpg", "D")]),
        ('image,caption\na.jpg,A 5" disk\nb.jpg,B\n', [("a.jpg", 'A 5" disk'), ("b.jpg", "B")]),
        ('image,captions\na.jpg,"[""A"", ""B""]"\n', [("a.jpg", "A"), ("a.jpg", "B")]),
        ("key,caption\na.jpg,A\n", [("a.jpg", "A")]),
        ("image;caption;\na.jpg;A;\n;;\n; ;\nb.jpg;B;\n;;\n", [("a.jpg", "A"), ("b.jpg", "B")]),
        ("SourceFile,Title\na.jpg,\nb.jpg,\nc.jpg,C\n", [("c.jpg", "C")]),
    ],
)
@pytest.mark.parametrize("name", ["c.csv", "c.tsv"])
def test_tables_as_people_write_them(
    tmp_path: Path, name: str, content: str, expected: list[tuple[str, str]]
) -> None:
    found = captions(tmp_path, name, content, ["a.jpg"])
    assert [(image, text) for image, text, _ in found] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,caption\na.jpg,A zeppelin\n", [("a.jpg", "A zeppelin", "2")]),
        ("a.jpg#0\tA dog\na.jpg#1\tA cat\n", [("a.jpg", "A dog", "1"), ("a.jpg", "A cat", "2")]),
    ],
)
def test_a_text_may_be_a_table(
    tmp_path: Path, content: str, expected: list[tuple[str, str, str]]
) -> None:
    assert captions(tmp_path, "captions.txt", content, ["a.jpg"]) == expected


@pytest.mark.parametrize(
    "content",
    [
        "image,caption\nz.jpg,A zeppelin\n",
        "a.jpg, which I like, is a dog.\n\nIt runs.\n",
        "",
        "a.jpg\n",
    ],
)
def test_other_texts_stay_documents(tmp_path: Path, content: str) -> None:
    for part in read(tmp_path, "notes.txt", content, ["b.jpg"]):
        assert isinstance(part, Part) and part.kind == "passage"


def test_a_quotation_mark_that_is_not_closed_spoils_its_line_only(tmp_path: Path) -> None:
    content = 'image,caption\na.jpg,"A dog\n' + "b.jpg,B\n" * 300
    bad, *good = read(tmp_path, "c.csv", content)
    assert bad == Skipped("c.csv", "a quotation mark that is not closed", "2")
    assert len(good) == 300


def test_too_many_fields_are_not_guessed(tmp_path: Path) -> None:
    content = "image,caption,split\na.jpg,A dog, running,train\n"
    (bad,) = read(tmp_path, "c.csv", content)
    assert isinstance(bad, Skipped)
    assert "4 fields in place of 3: put a caption with ',' in it into quotation marks" in bad.reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("c.csv", "a,caption\n1,A dog\n", "its columns are a, caption; none names pictures"),
        ("captions.csv", "a,b\n1,A dog\n", "its columns are a, b; none names pictures"),
        ("c.csv", "wo,was,art\na.jpg,A nice dog,x\n", "none is called caption, text or desc"),
        ("c.csv", "a.jpg,A dog,train\n", "its columns have no names"),
        ("c.jsonl", '{"caption": "A dog", "size": 5}\n', "its columns are caption, size; none"),
        ("c.json", '[{"caption": "A dog"}]', "its columns are caption; none names pictures"),
        ("captions.json", '{"version": 2}', "no captions are found in it"),
        ("captions.json", "A dog", "not JSON"),
        ("metadata.csv", "file_id,stars\n7,5\n", "its columns are file_id, stars; none names"),
    ],
)
def test_what_looks_like_captions_and_is_not_read_says_why(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    with pytest.raises(MediaError, match=reason):
        read(tmp_path, name, content, ["a.jpg"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", '{"name": "a", "description": "A dog", "files": ["a.jpg"]}'),
        ("tsconfig.json", '{"compilerOptions": {"paths": {}}}'),
        ("data.json", '[{"id": 1, "title": "A dog"}]'),
        ("data.json", "{broken"),
        ("data.json", "\x00\x01"),
        ("log.jsonl", '{"time": 1, "text": "a log"}\n'),
        ("shop.csv", "image,title,price\nz.jpg,A dog,5\n"),
        ("stars.csv", "file_name,stars\na.jpg,5\n"),
        ("exif.csv", "SourceFile,Model\na.jpg,X 1\nb.jpg,X 1\nc.jpg,X 1\n"),
        ("bank.csv", "Date;Text;Amount\n2019-05-06;A dog;5\n"),
        ("numbers.csv", "1,2\n3,4\n"),
        ("prose.csv", "just a line\n"),
    ],
)
def test_ordinary_tables_are_no_captions(tmp_path: Path, name: str, content: str) -> None:
    assert read(tmp_path, name, content, ["a.jpg"]) == []


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
        '{"annotations": 5, "images": [], "caption": 1}',
        '["annotations", "caption"]',
    ],
)
def test_other_json_is_left_alone(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, "other.json", content) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (coco({"image_id": 7, "caption": "A"})[:-5], "not COCO's captions"),
        (coco({"image_id": 7, "caption": "A"}, images=5), "not COCO's captions"),
        (b'{"annotations": [{"caption": "\xff"}]}', "none names pictures"),
        ('{"annotations": "caption", "x": ' + "[" * 100_000, "not COCO's captions"),
    ],
)
def test_damaged_coco(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        read(tmp_path, "coco.json", content)


@pytest.mark.parametrize(
    ("image", "annotation"),
    [("1", 1), (1, "1"), ("000001", 1), (1, "000001"), (1.0, 1), ("a-7", "a-7"), (" 1", "1")],
)
def test_ids_of_coco_are_numbers_or_texts(tmp_path: Path, image: Any, annotation: Any) -> None:
    images = [{"id": image, "file_name": "train/a.jpg"}]
    content = coco({"image_id": annotation, "caption": "A"}, images=images)
    assert captions(tmp_path, "coco.json", content) == [("train/a.jpg", "A", "1")]


@pytest.mark.parametrize(
    ("images", "number", "reason"),
    [
        ([{"id": 7}], 7, "the image 7 has no file_name"),
        ([{"id": [], "file_name": "a"}], 7, "image_id 7 is not among the images"),
        ([5, None], "x", "image_id x is not among the images"),
        ([], True, "an annotation without image_id"),
    ],
)
def test_an_annotation_says_what_it_lacks(
    tmp_path: Path, images: Any, number: Any, reason: str
) -> None:
    content = coco({"image_id": number, "caption": "A"}, images=images)
    assert read(tmp_path, "coco.json", content) == [Skipped("coco.json", reason, "1")]


# --- other JSON ---


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("c.json", [{"file_name": "a.jpg", "text": "A"}], ["A"]),
        ("c.json", [{"image": "z.jpg", "caption": ["A", "B"]}], ["A", "B"]),
        ("c.json", {"a.jpg": "A"}, ["A"]),
        ("c.json", {"a.jpg": ["A", "B"]}, ["A", "B"]),
        ("c.json", {"a.jpg": {"caption": "A"}}, ["A"]),
        ("captions.json", {"z.jpg": "A"}, ["A"]),
        ("c.json", {"data": [{"image": "a.jpg", "captions": ["A"]}]}, ["A"]),
        (
            "dataset.json",
            {"images": [{"filename": "a.jpg", "sentences": [{"raw": "A"}, {"raw": "B"}]}]},
            ["A", "B"],
        ),
        ("c.json", {"annotations": [{"image": "a.jpg", "caption": "A"}]}, ["A"]),
    ],
)
def test_forms_of_json(tmp_path: Path, name: str, value: Any, expected: list[str]) -> None:
    found = captions(tmp_path, name, json.dumps(value), ["a.jpg"])
    assert [text for _, text, _ in found] == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("a.jpg.json", {"title": "a.jpg", "description": "A"}, [("a.jpg", "A")]),
        ("a.jpg.json", {"title": "a.jpg", "description": ""}, []),
        ("a.json", {"caption": "A", "url": "https://z.org/z.jpg"}, [("a", "A")]),
        ("b.json", {"caption": "A", "url": "https://z.org/z.jpg"}, []),
        ("a.json", {"caption": ["A", "B"]}, [("a", "A"), ("a", "B")]),
        ("x.json", {"image": "a.jpg", "caption": "A"}, [("a.jpg", "A")]),
        ("x.json", {"name": "tool", "description": "A", "main": "z.jpg"}, []),
    ],
)
def test_an_object_about_one_picture(
    tmp_path: Path, name: str, value: Any, expected: list[tuple[str, str]]
) -> None:
    found = captions(tmp_path, name, json.dumps(value), ["a.jpg", "a"])
    assert [(image, text) for image, text, _ in found] == expected


def test_lines_of_json_may_end_in_json(tmp_path: Path) -> None:
    content = '{"file_name": "a.jpg", "text": "A"}\n{"file_name": "a.jpg", "text": "B"}\n'
    assert captions(tmp_path, "c.json", content, ["a.jpg"]) == [
        ("a.jpg", "A", "1"),
        ("a.jpg", "B", "2"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "[{'image': 'a.jpg', 'caption': 'A'}]",
        '[{"file_name": "a.jpg", "text": "A"},]',
        "caption",
        "{}",
    ],
)
def test_json_with_mistakes_is_reported_if_it_speaks_of_captions(
    tmp_path: Path, content: str
) -> None:
    if len(content) < 10:
        assert read(tmp_path, "c.json", content, ["a.jpg"]) == []
    else:
        with pytest.raises(MediaError, match="not JSON"):
            read(tmp_path, "c.json", content, ["a.jpg"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_json(tmp_path: Path, encoding: str) -> None:
    content = json.dumps({"a.jpg": "Un café"}, ensure_ascii=False).encode(encoding)
    assert captions(tmp_path, "c.json", content, ["a.jpg"]) == [("a.jpg", "Un café", "1")]


def test_metadata_of_an_image_folder(tmp_path: Path) -> None:
    content = '{"file_name": "a.jpg", "text": "A"}\n{"file_name": "b.jpg"}\n{broken\n'
    parts = read(tmp_path, "metadata.jsonl", content, ["a.jpg"])
    assert parts[0] == Part(Modality.TEXT, "caption", "A", "a.jpg", "1")
    assert skipped(parts[1:]) == [("metadata.jsonl", "2"), ("metadata.jsonl", "3")]


def test_json_over_several_lines_may_end_in_jsonl(tmp_path: Path) -> None:
    content = json.dumps([{"image": "a.jpg", "caption": "A"}], indent=1)
    assert captions(tmp_path, "c.jsonl", content) == [("a.jpg", "A", "1")]


# --- encodings ---


def test_a_byte_order_mark_does_not_hide_the_header(tmp_path: Path) -> None:
    content = "image,caption\na.jpg,A\n".encode("utf-8-sig")
    assert captions(tmp_path, "c.csv", content) == [("a.jpg", "A", "2")]
