"""A folder that `cmsearch export` wrote, which says of each vector all that a catalog keeps."""

# Tested by tests/unit/indexer/importing/test_sources.py

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cmsearch.common.files import read_file
from cmsearch.common.kinds import ITEM_KINDS
from cmsearch.common.text import native
from cmsearch.errors import CmsearchError
from cmsearch.models.spaces import model_name, parsed
from cmsearch.store.metadata_files import COLUMNS
from cmsearch.types import FloatArray, Modality, Space
from indexer.importing.arrays import Array, opened
from indexer.importing.folders import METADATA
from indexer.importing.rows import Page, Records, Row, Source, Table
from indexer.importing.tables import SUFFIXES, open_table

DESCRIPTION = "export.json"
_MOST_BYTES = 2**20
_TABLE = "metadata_0"


class _Line(NamedTuple):
    """A row of the table: where its vector is, and what that is of."""

    array: object
    row: object
    own: Row


def of_export(folder: Path, wanted: Sequence[Modality]) -> Source:
    """What an export holds of pictures, texts, speech and shots. Raises `CmsearchError`."""
    spaces = _described(folder)
    sounds = f"{Modality.SOUND}_emb"
    taken = {
        name: space
        for name, space in spaces.items()
        if name != sounds and (not wanted or name in {_array(one) for one in wanted})
    }
    if not taken:
        raise CmsearchError(f"There are no vectors in {folder} to import.")
    places = {name: folder / name / f"{name}_0.npy" for name in taken}
    if len(set(taken.values())) > 1:
        raise CmsearchError(f"{folder / DESCRIPTION} names several models for one index.")
    table = open_table(_table(folder))
    rows, dims = 0, set[int]()
    for place in places.values():
        with opened(place) as array:
            rows += array.rows
            dims.add(array.dim)
    space = next(iter(taken.values()))
    if dims != {space.dim}:
        raise CmsearchError(f"The arrays in {folder} don't have {space.dim} dimensions.")
    left = ("Sounds are left out: index with --sound.",) if sounds in spaces else ()
    return Source(
        "an export of cmsearch",
        rows,
        space.dim,
        lambda: _pages(places, table),
        model_name(space),
        space,
        left_out=left,
    )


def _array(modality: Modality) -> str:
    return {Modality.IMAGE: "img_emb"}.get(modality, f"{modality}_emb")


def _table(folder: Path) -> Path:
    for suffix in SUFFIXES:
        if (found := folder / METADATA / f"{_TABLE}{suffix}").is_file():
            return found
    raise CmsearchError(f"There is no table in {folder / METADATA}.")


def _described(folder: Path) -> dict[str, Space]:
    """The space of each array, as the description says."""
    path = folder / DESCRIPTION
    try:
        arrays = json.loads(read_file(path, _MOST_BYTES))["arrays"]
        known = Space.__dataclass_fields__
        return {
            str(name): parsed(json.dumps({key: one[key] for key in known}))
            for name, one in arrays.items()
            if name in {_array(modality) for modality in Modality}
        }
    except OSError as error:
        raise CmsearchError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CmsearchError(f"{path} is not what `cmsearch export` writes.") from error


def _pages(places: Mapping[str, Path], table: Table) -> Iterator[Page]:
    """Pages of whole items: the vectors of one follow each other in the table."""
    with ExitStack() as stack:
        arrays = {name: stack.enter_context(opened(path)) for name, path in places.items()}
        waiting = list[_Line]()
        for records in table.read([name for name in COLUMNS if name in table.columns]):
            waiting += [line for line in _lines(records) if line.array in arrays]
            if waiting and len(waiting) < _MOST_VECTORS:
                last = waiting[-1]
                whole = len(waiting)
                while whole and _is_same(waiting[whole - 1], last):
                    whole -= 1
            else:  # no item has as many
                whole = len(waiting)
            if whole:
                yield _page(waiting[:whole], arrays)
            waiting = waiting[whole:]
        if waiting:
            yield _page(waiting, arrays)


_MOST_VECTORS = 100_000


def _is_same(one: _Line, other: _Line) -> bool:
    return one.own == other.own and one.array == other.array


def _page(lines: Sequence[_Line], arrays: Mapping[str, Array]) -> Page:
    groups = [list(own) for _, own in groupby(lines, lambda line: (line.array, line.own))]
    rows = [own[0].own for own in groups]
    return Page(rows, _vectors(lines, arrays), [len(own) for own in groups])


def _vectors(lines: Sequence[_Line], arrays: Mapping[str, Array]) -> FloatArray:
    """The vectors of some lines; NaN for one whose array has no such row."""
    found = []
    runs = groupby(enumerate(lines), lambda pair: (pair[1].array, _offset(pair[1], pair[0])))
    for (name, offset), pairs in runs:
        own, array = list(pairs), arrays[str(name)]
        if offset is None or not 0 <= own[0][0] + offset <= array.rows - len(own):
            found.append(np.full((len(own), array.dim), np.nan, np.float32))
        else:
            found.append(array.at(own[0][0] + offset, len(own)))
    return np.concatenate(found)


def _offset(line: _Line, place: int) -> int | None:
    """The same for lines whose rows follow each other."""
    return line.row - place if isinstance(line.row, int) else None


def _lines(records: Records) -> Iterator[_Line]:
    count = len(next(iter(records.values()), ()))
    columns = [records.get(name, [None] * count) for name in COLUMNS]
    for picture, text, file, locator, kind, _, array, row in zip(*columns, strict=True):
        yield _Line(array, row, _row(picture, text, file, locator, kind))


def _row(picture: Any, text: Any, file: Any, locator: Any, kind: Any) -> Row:
    if not isinstance(file, str) or not isinstance(kind, str) or kind not in ITEM_KINDS:
        return Row("", problem="is of no kind that cmsearch knows")
    is_text = isinstance(text, str)
    about = native(picture) if isinstance(picture, str) and picture != file else None
    place = locator if isinstance(locator, str) else ""
    return Row(native(file), kind, place, text if is_text else None, about)
