"""Reading files of captions: tables, JSON lines, and the forms of JSON in which datasets come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media import tables
from cmsearch.media.columns import (
    SAMPLE,
    Columns,
    Knows,
    columns,
    is_called_picture,
    is_like_a_name,
    parsed,
    picture_name,
    text_keys,
    texts,
)
from cmsearch.media.lines import read_bytes, read_lines
from cmsearch.types import Modality, Part, Reading, Skipped

NOT_FOUND = "no captions are found in it; docs/indexing.md has the forms that are read"
MAX_BYTES = 256 * 2**20
"""Of a file with lines: those of two million captions."""
MAX_JSON = 128 * 2**20
"""Bytes of a file that is one JSON value; all of it is in memory at once."""
MAX_VALUES = 5_000_000
"""Lists and objects in it, each of which takes as much memory as fifty of its bytes."""
_SPEAKS = re.compile(r"""["']captions?["']|["']file_?name["'].{1,2000}["']text["']""", re.DOTALL)
_LOOKED_AT = 100_000  # characters
_NAMES = ("file_name", "filename", "path", "filepath", "name")

Found = Iterator[Part | Skipped]
Rows = Iterable[tuple[int, Any]]


class CaptionsReader:
    """Reads caption files: tables and JSON in which pictures and their captions are found.

    Other tables and other JSON give nothing.
    """

    suffixes = frozenset({".csv", ".json", ".jsonl", ".tsv"})
    missing: str | None = None
    max_bytes = MAX_BYTES
    kind = FileKind.CAPTIONS

    def read(self, path: Path, wanted: Reading) -> Found:
        """Give a caption for each line, row or entry of the file."""
        suffix, knows = path.suffix.lower(), wanted.knows or _knows_none
        if suffix == ".json":
            return _json(path, json_text(read_bytes(path, MAX_JSON)), knows)
        lines = read_lines(path, MAX_BYTES)
        if suffix == ".jsonl":
            return _json_lines(path, lines, knows)
        delimiters = "\t,;|" if suffix == ".tsv" else tables.DELIMITERS
        return table(path, lines, knows, delimiters)


def table(path: Path, lines: Sequence[str], knows: Knows, delimiters: str) -> Found:
    """The captions of a table. Raises `MediaError`."""
    found = tables.rows(lines, knows, _is_called_so(path), delimiters)
    if found is not None:
        yield from _parts(path, found[0], found[1])


def listed(path: Path, lines: Sequence[str], knows: Knows) -> Found | None:
    """The captions of a table that has another suffix, if it names pictures that are known."""
    try:
        found = tables.rows(lines, knows, False)
    except MediaError:  # it is a text that happens to look like one
        return None
    if found is None:
        return None
    own, rows = found
    known = (picture_name(row.get(own.picture)) for _, row in rows if isinstance(row, Mapping))
    if not any(knows(name) for name in islice(known, SAMPLE)):
        return None
    return table(path, lines, knows, tables.DELIMITERS)


def json_text(data: bytes) -> str:
    """JSON as text; what isn't in an encoding of JSON's is taken for Windows-1252."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _knows_none(name: str) -> bool:
    return False


def _is_called_so(path: PurePath) -> bool:
    """Whether a file's name speaks of captions, as `captions.csv` and `metadata.jsonl` do."""
    stem = path.stem.lower()
    return "caption" in stem or (stem == "metadata" and path.suffix.lower() != ".json")


def _parts(path: Path, own: Columns, rows: Rows) -> Found:
    for number, row in rows:
        try:
            if isinstance(row, str):
                raise MediaError(row)
            name, found = own.pair(row)
        except MediaError as error:
            yield Skipped(path.name, str(error), str(number))
            continue
        for text in found:
            yield Part(Modality.TEXT, "caption", text, name, str(number))


def _json_lines(path: Path, lines: Sequence[str], knows: Knows) -> Found:
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    sample = [parsed(line) for _, line in islice(filled, SAMPLE)]
    if not any(isinstance(row, Mapping) for row in sample):
        yield from _json(path, "\n".join(lines), knows)  # which may go over several lines
        return
    own = _columns(sample, knows, _is_called_so(path))
    if own is not None:
        yield from _parts(path, own, ((number, parsed(line)) for number, line in filled))


def _columns(rows: Sequence[Any], knows: Knows, like: bool) -> Columns | None:
    """The columns of objects, of which each may have others."""
    some = [row for row in rows[:SAMPLE] if isinstance(row, Mapping)]
    keys = list(dict.fromkeys(key for row in some for key in row))
    return columns(keys, some, knows, like) if keys else None


def _json(path: Path, text: str, knows: Knows) -> Found:
    like = _is_called_so(path)
    values = text.count("{") + text.count("[")
    if values > MAX_VALUES:
        raise MediaError(f"{values:,} lists and objects are more than {MAX_VALUES:,}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = text.splitlines()
        if any(isinstance(parsed(line), Mapping) for line in lines[:SAMPLE]):
            yield from _json_lines(path, lines, knows)
        elif like or _SPEAKS.search(text, 0, _LOOKED_AT):
            form = "COCO's captions" if '"annotations"' in text else "JSON"
            raise MediaError(f"not {form} ({error})") from error
        return
    if isinstance(value, Mapping) and _is_coco(value):
        yield from _coco(path, value)
        return
    found = _listed(value, knows, like)
    if found is not None:
        yield from _parts(path, *found)
        return
    single = list(_single(path, value, knows))
    yield from single
    if like and not single:
        raise MediaError(NOT_FOUND)


def _single(path: Path, value: Any, knows: Knows) -> Found:
    """The captions of an object about one picture, which it names, or beside which it lies.

    Such are written for each picture by programs that download or export them, with or without
    captions.
    """
    if not isinstance(value, Mapping):
        return
    called = {key: one for key, one in value.items() if is_called_picture(key)}
    names = {key: picture_name(one) for key, one in called.items() if is_like_a_name(one)}
    own = next((key for key, name in names.items() if knows(name)), None)
    groups = text_keys([key for key in value if key != own])
    if own is None and not (groups and knows(path.stem)):
        return
    found = (list(texts([value[key] for key in group])) for group in groups)
    for text in next(filter(None, found), []):
        yield Part(Modality.TEXT, "caption", text, path.stem if own is None else names[own], "1")


def _listed(value: Any, knows: Knows, like: bool) -> tuple[Columns, Rows] | None:
    """The captions in a list of objects, in an object of such lists, or under pictures' names."""
    if isinstance(value, list):
        own = _columns(value, knows, like)
        return None if own is None else (own, enumerate(value, 1))
    if not isinstance(value, Mapping):
        return None
    names = [picture_name(key) for key in islice(value, SAMPLE)]
    likely = [name for name in names if is_like_a_name(name)]
    if any(knows(name) for name in likely) or (like and likely):
        rows = ({"image": key, "caption": list(texts(one))} for key, one in value.items())
        return Columns("image", (("caption",),)), enumerate(rows, 1)
    for inner in value.values():
        if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
            own = _inner(inner, knows)
            if own is not None:
                return own, enumerate(inner, 1)
    return None


def _inner(rows: Sequence[Any], knows: Knows) -> Columns | None:
    """The columns of a list within an object, which only speaks of captions if it says so."""
    try:
        return _columns(rows, knows, False)
    except MediaError:
        if any("caption" in key.lower() for key in rows[0]):
            raise
        return None


def _is_coco(value: Mapping[str, Any]) -> bool:
    """Whether it is what COCO keeps captions in; objects and questions are in the like of it."""
    annotations = value.get("annotations")
    return (
        isinstance(annotations, list)
        and "images" in value
        and any(isinstance(one, Mapping) and "caption" in one for one in annotations)
    )


def _coco(path: Path, value: Mapping[str, Any]) -> Found:
    """COCO's captions; their locator is the annotation's number, since there are no lines."""
    images = value["images"]
    if not isinstance(images, list):
        raise MediaError("not COCO's captions: its images are no list")
    names: dict[str, str | None] = {}
    for image in images:
        if isinstance(image, Mapping) and (key := _key(image.get("id"))):
            names.setdefault(key, _file_name(image))
    rows = [_annotated(one, names) for one in value["annotations"]]
    yield from _parts(path, Columns("image", (("caption",),)), enumerate(rows, 1))


def _annotated(annotation: Any, names: Mapping[str, str | None]) -> dict[str, Any] | str:
    """The picture and the caption of an annotation, or what is wrong with it."""
    if not isinstance(annotation, Mapping):
        return "not an annotation"
    number = annotation.get("image_id")
    key = _key(number)
    own = _file_name(annotation) if key is None else names.get(key)
    if key is None and not own:
        return "an annotation without image_id"
    if not any(texts(annotation.get("caption"))):
        return "an annotation without caption"
    if key is not None and key not in names:
        return f"image_id {str(number)[:50]} is not among the images"
    if own is None:
        return f"the image {str(number)[:50]} has no file_name"
    return {"image": own, "caption": annotation["caption"]}


def _file_name(image: Mapping[str, Any]) -> str | None:
    """The name of a picture's file in COCO, and in what is like it."""
    return next(filter(None, (picture_name(image.get(name)) for name in _NAMES)), None)


def _key(number: Any) -> str | None:
    """The id of an image in one form: some files have numbers in one place and texts in another."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int | str):
        return None
    text = str(number).strip()
    return (text.lstrip("0") or "0") if text.isdecimal() else text or None
