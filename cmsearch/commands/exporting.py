"""Writing hits to a file, as its name says, or copying their files into a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from cmsearch.commands.places import unwritable
from cmsearch.common.files import create_file, creating, open_file
from cmsearch.errors import CmsearchError, QueryError
from cmsearch.search.wire import as_json
from cmsearch.store.object_files import bring
from cmsearch.store.object_places import address_of
from cmsearch.types import Hit

KINDS = (
    "FILE.html is a contact sheet, FILE.jsonl has all fields, FILE.txt the paths; a folder/ gets "
    "copies of the files."
)


def export(hits: Sequence[Hit], title: str, place: str) -> str:
    """Write hits to `place`; returns what was done.

    A name that ends with a slash is a folder's, which is made. No file is overwritten, but a
    contact sheet by another. Raises `CmsearchError` for a place that can't be written.
    """
    path = Path(place)
    ranked = [replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]
    paths = list(dict.fromkeys(hit.path for hit in hits))
    if place.endswith(("/", os.sep)) or _is_folder(path):
        return f"{_copied(paths, path)} copied to {path}."
    match path.suffix.lower():
        case ".html" | ".htm":
            return _sheet(path, title, ranked)
        case ".jsonl":
            _write(path, [as_json(hit) for hit in ranked])
        case ".txt":
            _write(path, [os.fsencode(address_of(one)) for one in paths])
        case _:
            raise QueryError(f"What is {path} to be? {KINDS}")
    return f"Written to {path}."


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError) as error:  # a name that is too long, or has a zero byte
        raise unwritable(path, error) from error


def _sheet(path: Path, title: str, hits: Sequence[Hit]) -> str:
    from cmsearch.show.contact_sheet import write_sheet

    is_there = path.exists()
    write_sheet(path, title, hits)
    return f"{path} is written anew." if is_there else f"Written to {path}."


def _write(path: Path, lines: Sequence[bytes]) -> None:
    try:
        create_file(path, b"".join(line + b"\n" for line in lines))
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error


def _copied(paths: Sequence[Path], folder: Path) -> str:
    """Copy files into a folder; one whose name is taken gets a number. Returns how many."""
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from error
    for number, path in enumerate(paths):
        try:
            _copy(path, folder)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CmsearchError(
                f"{path} can't be copied to {folder}: {reason}. {_files(number)} copied before."
            ) from error
    return _files(len(paths))


def _copy(path: Path, folder: Path) -> None:
    bring(path)
    with open_file(path) as source:
        for number in count(1):
            target = folder / (path.name if number == 1 else f"{path.stem}-{number}{path.suffix}")
            try:
                with creating(target) as file:
                    shutil.copyfileobj(source, file)
            except FileExistsError:
                continue
            shutil.copystat(path, target)
            return


def _files(count: int) -> str:
    return "1 file was" if count == 1 else f"{count} files were"
