"""Captions in plausible forms of CSV, JSON and COCO are read, or their line is named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.media.captions import CaptionsReader
from cmsearch.types import Part, Reading, Skipped
from tests.examples import examples

NAMES = ["a.jpg", "IMG_0001.JPG", "sub/b.png", "sub\\c.jpeg", "ein Bild.webp", "film.mp4", "ä.jpg"]
KNOWN = frozenset(NAMES)
PICTURES = ["image", "Image", "file_name", "File Name", "FILENAME", "file", "path", "photo", "img"]
PICTURES += ["image_path", "Picture", "image-name", " image "]
TEXTS = [
    "caption",
    "Caption",
    "CAPTIONS",
    "text",
    "Description",
    "title",
    "alt",
    "comment",
    "label",
]
OTHERS = ["id", "width", "split", "rating", "date", "x y", ""]
WORDS = [
    "A",
    "dog",
    "runs",
    "zeppelin",
    "café",
    "Über",
    "l'été",
    "5",
    "1,5",
    "a;b",
    "x|y",
    '"no"',
    "#1",
]

sentence = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
name = st.sampled_from(NAMES)
other = st.sampled_from(["1", "640", "train", "2019-05-06", "", "0.5"])
Line = tuple[str, str]
"""A picture and its caption; one of them is empty in a line that is to be named."""
line = st.tuples(name, sentence) | st.sampled_from([("", "A dog"), ("a.jpg", ""), ("a.jpg", " ")])
lines = st.tuples(st.tuples(name, sentence), st.lists(line, max_size=8)).map(
    lambda two: [two[0], *two[1]]
)
Told = list[tuple[str, str, str] | str]


def read(file: str, content: bytes) -> Told:
    """Captions with their pictures and places; of what was left out the place."""
    with TemporaryDirectory() as folder:
        path = Path(folder, file)
        path.write_bytes(content)
        found = list(CaptionsReader().read(path, Reading(8, knows=KNOWN.__contains__)))
    assert all(one.reason for one in found if isinstance(one, Skipped))
    return [
        (str(one.about), one.content, one.locator) if isinstance(one, Part) else one.locator
        for one in found
    ]


def told(rows: list[tuple[str, list[str]]], first: int, column: str = "caption") -> Told:
    """What is to be read of rows, of which the first is at a place, with a column of texts.

    Where that isn't called caption, and most of the rows have none, that is no mistake.
    """
    found: Told = []
    filled = sum(any(text.strip() for text in texts) for _, texts in rows)
    is_sparse = "caption" not in column.lower() and 2 * filled < len(rows)
    for place, (image, texts) in enumerate(rows, first):
        good = [text for text in texts if text.strip()]
        if image and good:
            found += [(image, text, str(place)) for text in good]
        elif not (image and is_sparse):
            found.append(str(place))
    return found


@examples(80)
@given(st.data())
def test_a_table_is_read_line_by_line(data: st.DataObject) -> None:
    rows: list[Line] = data.draw(lines)
    places = data.draw(st.permutations(range(2 + len(data.draw(st.lists(other, max_size=2))))))
    cells = [data.draw(st.sampled_from(PICTURES)), data.draw(st.sampled_from(TEXTS))]
    cells += data.draw(st.lists(st.sampled_from(OTHERS), min_size=2, max_size=2, unique=True))
    delimiter, end = (
        data.draw(st.sampled_from(",;\t|")),
        data.draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting)
    for image, text in [(cells[0], cells[1]), *rows]:
        row = [image, text, *(cells[2:] if image == cells[0] else ["1", "640"])]
        writer.writerow([row[place] for place in places])
    says = data.draw(st.booleans())
    content = (f"sep={delimiter}{end}" if says else "") + buffer.getvalue()
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    suffix = data.draw(st.sampled_from(["csv", "tsv", "CSV"]))
    expected = told([(image, [text]) for image, text in rows], 3 if says else 2, cells[1])
    assert read(f"table.{suffix}", content.encode(encoding)) == expected


@examples(60)
@given(lines, st.sampled_from(",;\t|"), st.booleans(), st.booleans())
def test_a_table_without_names_of_columns(
    rows: list[Line], delimiter: str, numbered: bool, swapped: bool
) -> None:
    rows = [(image, text) for image, text in rows if image and text.strip()]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    for place, (image, text) in enumerate(rows):
        row = (f"{image}#{place}" if numbered else image, text)
        writer.writerow(row[::-1] if swapped else row)
    expected = told([(image, [text]) for image, text in rows], 1)
    assert read("table.csv", buffer.getvalue().encode()) == expected


bad = st.sampled_from(
    [{}, {"image": "a.jpg"}, {"caption": "A"}, {"image": 5}, [], None, 7, "a.jpg"]
)
texts = sentence | st.lists(sentence, min_size=1, max_size=3)


@examples(80)
@given(st.data())
def test_json_is_read_object_by_object(data: st.DataObject) -> None:
    picture, text = data.draw(st.sampled_from(PICTURES)), data.draw(st.sampled_from(TEXTS))
    pairs = data.draw(st.lists(st.tuples(name, texts), min_size=1, max_size=6))
    rows: list[Any] = [{"width": 640, picture: image, text: own} for image, own in pairs]
    expected = [(image, [own] if isinstance(own, str) else own) for image, own in pairs]
    for one in data.draw(st.lists(bad, max_size=len(pairs))):  # no more than half, as above
        at = data.draw(st.integers(1, len(rows)))
        keys = {"image": picture, "caption": text}
        if isinstance(one, dict):
            one = {keys[key]: value for key, value in one.items()}
        rows.insert(at, one)
        expected.insert(at, ("", []))
    form = data.draw(st.sampled_from(["lines", "list", "inner"]))
    plain = data.draw(st.booleans())
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    if form == "lines":
        content = "".join(json.dumps(row, ensure_ascii=plain) + "\n" for row in rows)
    else:
        whole = rows if form == "list" else {"version": 1, "data": rows}
        content = json.dumps(
            whole, ensure_ascii=plain, indent=data.draw(st.sampled_from([None, 2]))
        )
    file = "c.jsonl" if form == "lines" else "c.json"
    assert read(file, content.encode(encoding)) == told(expected, 1, "caption")


@examples(60)
@given(st.dictionaries(name, texts | st.sampled_from([5, None, [], ""]), min_size=1), st.booleans())
def test_an_object_by_the_names_of_pictures(value: dict[str, Any], plain: bool) -> None:
    rows = [(image, [one] if isinstance(one, str) else one or []) for image, one in value.items()]
    rows = [(image, own if isinstance(own, list) else []) for image, own in rows]
    assert read("c.json", json.dumps(value, ensure_ascii=plain).encode()) == told(rows, 1)


forms = [int, str, float, lambda number: f"{number:012}", lambda number: f" {number}"]


@examples(80)
@given(st.data())
def test_coco_is_read_whatever_its_ids_are(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=5, unique=True))
    names = {number: data.draw(name | st.none()) for number in numbers}
    there, here = data.draw(st.sampled_from(forms)), data.draw(st.sampled_from(forms))
    key = data.draw(st.sampled_from(["file_name", "filename", "path"]))
    images = [{"id": there(number), **({key: own} if own else {})} for number, own in names.items()]
    annotations: list[Any] = [{"id": 1, "image_id": here(numbers[0]), "caption": "First"}]
    expected = [(names[numbers[0]] or "", ["First"])]
    for number in data.draw(st.lists(st.sampled_from([*numbers, 10**7]), max_size=6)):
        text = data.draw(sentence | st.sampled_from(["", " "]))
        annotations.append({"image_id": here(number), "caption": text})
        expected.append((names.get(number) or "", [text]))
    for one in data.draw(st.lists(bad, max_size=2)):
        annotations.append(one)
        expected.append(("", []))
    content = json.dumps({"info": {}, "images": images, "annotations": annotations})
    assert read("captions.json", content.encode()) == told(expected, 1)
