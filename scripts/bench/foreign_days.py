"""Compare the day that cmsearch reads from each picture and film of a folder with exiftool's.

    python -m scripts.bench.foreign_days FOLDER

Exiftool's day is that of the first of its tags in `TAGS` that has one. Files with the same bytes
count once. What can't be decoded, and so has no place in a store, is counted apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cmsearch.common.digest import file_digest
from cmsearch.common.kinds import PICTURES, FileKind
from cmsearch.errors import MediaError
from cmsearch.media.moments import moment
from cmsearch.media.readers import kind_at, reader_for
from cmsearch.types import Part, Reading

TAGS = (
    *("DateTimeOriginal", "DateCreated", "CreationDate", "CreateDate", "DateTimeDigitized"),
    *("DigitalCreationDate", "ModifyDate", "GPSDateStamp"),
)
"""When it was taken, made, digitised, changed, and received by a satellite."""
_KINDS = (*PICTURES, FileKind.FILM)


def exiftools(folder: Path) -> dict[Path, str]:
    """By the files that cmsearch reads the day that exiftool names, as `2024-05-31`."""
    command = ["exiftool", "-q", "-q", "-r", "-json", "-api", "QuickTimeUTC=1"]
    tags = (f"-{tag}" for tag in TAGS)
    ran = subprocess.run([*command, *tags, str(folder)], capture_output=True, check=False)
    found = {}
    for one in sorted(json.loads(ran.stdout or b"[]"), key=lambda one: str(one["SourceFile"])):
        path = Path(one["SourceFile"])
        days = (moment(one[tag]) for tag in TAGS if tag in one)
        if kind_at(path) in _KINDS and (day := next(filter(None, days), None)):
            found[path] = f"{day:%Y-%m-%d}"
    return found


def distinct(days: dict[Path, str]) -> dict[Path, str]:
    """Those of files whose bytes no other before has."""
    first: dict[str, Path] = {}
    for path in days:
        first.setdefault(file_digest(path), path)
    return {path: days[path] for path in first.values()}


def own(path: Path) -> str | None:
    """The day that cmsearch reads; nothing where it reads none. Raises `MediaError`."""
    reader = reader_for(path)
    assert reader is not None
    parts = [part for part in reader.read(path, Reading(32)) if isinstance(part, Part)]
    if not parts:
        raise MediaError("nothing of it can be decoded")
    taken = next((part.capture.taken for part in parts if part.capture.taken), None)
    return taken and f"{taken:%Y-%m-%d}"


def compared(days: dict[Path, str]) -> Iterator[tuple[str, Path, str, Any]]:
    """How each file went: `agrees`, `differs`, `missing` or `undecoded`, and both days."""
    for path, day in days.items():
        try:
            found = own(path)
        except MediaError as error:
            yield "undecoded", path, day, error
            continue
        outcome = "missing" if found is None else "agrees" if found == day else "differs"
        yield outcome, path, day, found


def main() -> None:
    folder = Path(sys.argv[1])
    counts: Counter[str] = Counter()
    for outcome, path, day, found in compared(distinct(exiftools(folder))):
        counts[outcome] += 1
        if outcome != "agrees":
            print(f"{outcome:9} {day} {found or '-'} {path.relative_to(folder)}")
    read = counts.total() - counts["undecoded"]
    print(f"{counts['agrees']} of {read} agree ({counts['agrees'] / max(1, read):.1%}), ", end="")
    print(f"{counts['missing']} missing, {counts['differs']} different; ", end="")
    print(f"{counts['undecoded']} more can't be decoded")


if __name__ == "__main__":
    main()
