"""The vectors of a store as files that other programs read, with a table of what each is of.

The layout is that of clip-retrieval (https://github.com/rom1504/clip-retrieval): NumPy's arrays in
folders named for what they are of, and `metadata` with a row for each of theirs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from numpy.lib import format as npy

from cmsearch.common.files import create_file, creating, creating_folder, sync
from cmsearch.common.text import json_line
from cmsearch.errors import CmsearchError, StoreError
from cmsearch.models.spaces import model_name
from cmsearch.store import filesystem
from cmsearch.store.catalog import embeddings, items
from cmsearch.store.metadata_files import check_extra, writing
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray, Item, Modality, Space

_NAMES = {Modality.IMAGE: "img_emb", Modality.TEXT: "text_emb"}
_PIECE = 250  # items that are described at once; each may have a long text
_DTYPES = {"float16": "<f2", "float32": "<f4"}

Report = Callable[[str, int, int], None]
"""Told of which array how many rows of how many are written."""


@dataclass(frozen=True, slots=True)
class Form:
    """How vectors are written: float16, as they are kept, or float32; the table as parquet or
    jsonl; of some modalities, or of all where none is named.
    """

    dtype: str = "float16"
    table: str = "parquet"
    modalities: tuple[Modality, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the model, and by the name of each array its shape `(n, dim)`."""

    folder: Path
    model: str
    arrays: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Source:
    """The vectors of a modality, as the catalog has them; `most` counts damaged ones too."""

    modality: Modality
    number: int
    space: Space
    most: int

    @property
    def name(self) -> str:
        return _NAMES.get(self.modality, f"{self.modality}_emb")


def export(
    store: Store, folder: Path, form: Form | None = None, report: Report = lambda *_: None
) -> Exported:
    """Write the vectors of a store into a folder that isn't there yet.

    They are of one committed state, but not on a network drive, where others may write meanwhile.
    Images come first, then texts, then others, each in the order of their ids. The folder gets its
    name when it is whole. Memory doesn't grow with the store. Damaged vectors are left out. Raises
    `OSError`, `CmsearchError` without the extra `parquet`, and `StoreError` where nothing is there.
    """
    form = form or Form()
    if form.table == "parquet":
        check_extra()
    else:
        _check_outside(store, folder)
    with _settled(store):
        sources = list(_sources(store, form))
        if not sources:
            wanted = " or ".join(form.modalities)
            raise StoreError(
                f"There is no vector {f'of {wanted} ' if wanted else ''}in {store.name} to export. "
                "`cmsearch info` says what is in it."
            )
        with creating_folder(folder) as building:
            arrays = _write(store, sources, building, form, report)
            create_file(building / "export.json", _describe(store.root, sources, form, arrays))
    return Exported(folder, model_name(sources[0].space), arrays)


def _settled(store: Store) -> AbstractContextManager[object]:
    """One state, where others can write beside it. On a network drive, whose journal is no log,
    they would wait, so there each page is read as it is then.
    """
    return nullcontext() if filesystem.is_remote(store.path) else store.catalog.reading()


def _check_outside(store: Store, folder: Path) -> None:
    place = Path(os.path.realpath(folder))  # which loops of links don't stop
    if place.is_relative_to(os.path.realpath(store.root)):
        raise CmsearchError(
            f"{folder} lies in the folder that is indexed, where the lines would be read as "
            f"captions. Name a place outside of {store.root}, or write Parquet."
        )


def _sources(store: Store, form: Form) -> Iterator[_Source]:
    """What there is to write, in order."""
    catalog, sound = store.catalog, store.catalog.sound_space()
    found: list[tuple[Modality, tuple[int, Space]]] = []
    if served := catalog.space():
        order = [*_NAMES, *Modality]
        present = sorted(embeddings.modalities(catalog, served[0]), key=order.index)
        found += [(modality, served) for modality in present]
    if sound and sound != served:
        found.append((Modality.SOUND, sound))
    for modality, (number, space) in found:
        most = embeddings.count(catalog, number, modality)
        if most and (not form.modalities or modality in form.modalities):
            yield _Source(modality, number, space, most)


def _write(
    store: Store, sources: list[_Source], building: Path, form: Form, report: Report
) -> dict[str, tuple[int, int]]:
    """Write arrays and table; gives the shapes of the arrays."""
    shapes = {}
    (building / "metadata").mkdir()
    with (
        creating(building / "metadata" / f"metadata_0.{form.table}") as file,
        writing(file, form.table) as add,
    ):
        for source in sources:
            (building / source.name).mkdir()
            with creating(building / source.name / f"{source.name}_0.npy") as array:
                rows = 0
                _head(array, form.dtype, (source.most, source.space.dim))
                for found, vectors, seen in _rows(store, source):
                    array.write(vectors.astype(_DTYPES[form.dtype]).tobytes())
                    add([_row(store, source, rows + n, item) for n, item in enumerate(found)])
                    rows += len(found)
                    report(source.name, seen, source.most)
                shapes[source.name] = rows, source.space.dim
                _head(array, form.dtype, shapes[source.name])
                sync(array)
    return shapes


def _rows(store: Store, source: _Source) -> Iterator[tuple[list[Item], FloatArray, int]]:
    """Some items and their vectors `(n, dim)` after the others, and how many were looked at."""
    catalog, dim = store.catalog, source.space.dim
    seen = 0
    for ids, vectors in items.pages(catalog, source.number, source.modality, dim):
        for start in range(0, len(ids), _PIECE):
            piece: IdArray = ids[start : start + _PIECE]
            known = items.of_embeddings(catalog, piece.tolist())
            kept = [n for n, one in enumerate(piece.tolist()) if one in known]
            seen += len(piece)
            yield [known[int(piece[n])] for n in kept], vectors[start : start + _PIECE][kept], seen


def _row(store: Store, source: _Source, row: int, item: Item) -> dict[str, Any]:
    """A row of the table. Raises `StoreError` for a path that leaves the folder."""
    picture = item.about or item.path
    for path in {picture, item.path}:
        store.absolute(path)
    return {
        "image_path": picture,
        "caption": item.text,
        "file": item.path,
        "locator": item.locator,
        "kind": item.kind,
        "modality": str(source.modality),
        "array": source.name,
        "row": row,
    }


def _head(file: BinaryIO, dtype: str, shape: tuple[int, int]) -> None:
    """Write the head of an array, which is as long for any number of rows, or write it anew."""
    file.seek(0)
    npy.write_array_header_1_0(
        file, {"descr": _DTYPES[dtype], "fortran_order": False, "shape": shape}
    )


def _describe(
    root: Path, sources: list[_Source], form: Form, shapes: dict[str, tuple[int, int]]
) -> bytes:
    """What the vectors are of, so that they are only compared with others of the same space."""
    arrays = {
        one.name: {"name": model_name(one.space), "rows": shapes[one.name][0]} | asdict(one.space)
        for one in sources
    }
    found = {"folder": str(root), "dtype": form.dtype, "arrays": arrays}
    return json_line(found).encode() + b"\n"
