"""Reading files of captions: JSON lines, CSV, COCO's JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cmsearch.errors import MediaError
from cmsearch.media.texts import read_bytes, read_lines
from cmsearch.types import Modality, Part, Reading, Skipped


class CaptionsReader:
    """Reads caption files: JSON lines and CSV with `image` and `caption`, and COCO's JSON.

    Other JSON and CSV gives nothing.
    """

    suffixes = frozenset({".csv", ".json", ".jsonl"})
    missing: str | None = None

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        read = {".jsonl": _json_lines, ".csv": _csv, ".json": _coco}[path.suffix.lower()]
        return read(path)


def _caption(text: str, image: str | None, line: int) -> Part:
    return Part(Modality.TEXT, "caption", text, image, str(line))


def _json_lines(path: Path) -> Iterator[Part | Skipped]:
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    if not any(_is_pair(_parsed(line)) for _, line in islice(lines, 20)):
        return
    for number, line in lines:
        value = _parsed(line)
        if _is_pair(value):
            yield _caption(value["caption"].strip(), value["image"], number)
        else:
            reason = 'not {"image": "…", "caption": "…"}'
            yield Skipped(path.name, reason, str(number))


def _csv(path: Path) -> Iterator[Part | Skipped]:
    rows = csv.DictReader([line + "\n" for line in read_lines(path)])
    try:
        if not {"image", "caption"} <= set(rows.fieldnames or ()):
            return
        for row in rows:
            if _is_pair(row):
                yield _caption(row["caption"].strip(), row["image"], rows.line_num)
            else:
                yield Skipped(path.name, "no image or no caption", str(rows.line_num))
    except csv.Error as error:
        raise MediaError(f"not CSV: {error}") from error


def _coco(path: Path) -> Iterator[Part | Skipped]:
    """COCO's captions; their locator is the annotation's number, since there are no lines."""
    data = read_bytes(path)
    if b'"annotations"' not in data or b'"caption"' not in data:
        return
    try:
        value = json.loads(data)
        names = {image["id"]: image["file_name"] for image in value["images"]}
        annotations = list(value["annotations"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MediaError(f"not COCO's captions ({error})") from error
    for number, annotation in enumerate(annotations, 1):
        pair = annotation if isinstance(annotation, dict) else {}
        number_of = pair.get("image_id")
        image = names.get(number_of) if isinstance(number_of, int | str) else None
        pair = {"image": image, "caption": pair.get("caption")}
        if _is_pair(pair):
            yield _caption(pair["caption"].strip(), pair["image"], number)
        else:
            yield Skipped(path.name, "an annotation without image or caption", str(number))


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_pair(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str) and value[key].strip() and _is_unicode(value[key])
        for key in ("image", "caption")
    )


def _is_unicode(text: str) -> bool:
    """Whether no half of a surrogate pair, which JSON can escape, is in it."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
