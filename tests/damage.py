"""Damaging a store in the ways in which disks, people and other programs do it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cmsearch
from cmsearch.store.catalog import items
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Modality, Role
from tests import fakes
from tests.builders import flip_byte

Answer = list[tuple[float, str]]

BY_PICTURE = cmsearch.Ranking(match="picture", fold=False)


def derived(folder: Path) -> list[Path]:
    """The derived files of a folder's store, in the order of their names."""
    kinds = ("vectors-*", "ids-*", "kept-*", "manifest-*")
    return sorted(path for kind in kinds for path in (folder / DIRECTORY).glob(kind))


def harm(path: Path, chance: Any) -> str:
    """Drop a file, or flip one byte of it at a random place; says which."""
    if chance.random() < 0.25:
        path.unlink()
        return f"{path.name} dropped"
    place = chance.randrange(path.stat().st_size)
    flip_byte(path, place)
    return f"{path.name} flipped at {place}"


@contextmanager
def catalog(folder: Path) -> Iterator[sqlite3.Connection]:
    """The SQLite file of a folder's store, as any program can change it; no rule is enforced."""
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as connection, connection:
        connection.create_function("caseless", 1, str)
        yield connection


def sql(folder: Path, *statements: str) -> None:
    """Change a store's catalog behind its back."""
    with catalog(folder) as connection:
        for statement in statements:
            connection.execute(statement)


def answer(folder: Path, text: str) -> Answer:
    """The pictures that a search finds, in its order, each with its cosine."""
    with cmsearch.open(folder) as engine:
        hits = engine.search(text, target="image", k=1000, ranking=BY_PICTURE)
        return [(hit.cosine, hit.path.relative_to(folder.resolve()).as_posix()) for hit in hits]


def oracle(folder: Path, text: str) -> Answer:
    """What a search has to find, from nothing but the catalog's vectors."""
    encoder = fakes.FakeEncoder()
    prepared = [encoder.prepare(text, Modality.TEXT)]
    (query,) = encoder.encode(prepared, Modality.TEXT, Role.QUERY).vectors
    with Store(folder / DIRECTORY) as store:
        ids, rows = items.embeddings(store.catalog, 1, Modality.IMAGE, fakes.DIM)
        found = items.of_embeddings(store.catalog, ids.tolist())
    scored = [
        (round(float(row @ query), 6), found[one].path)
        for one, row in zip(ids.tolist(), rows, strict=True)
    ]
    return sorted(scored, key=lambda one: (-one[0], one[1]))


def assert_right(folder: Path, text: str) -> None:
    """A search by pictures finds what the catalog says, in the order of their cosines, which
    may differ at 1e-6.
    """
    found, truth = answer(folder, text), oracle(folder, text)
    assert {path for _, path in found} == {path for _, path in truth}
    scores = {path: score for score, path in truth}
    assert all(abs(score - scores[path]) < 2e-6 for score, path in found)
    assert all(one[0] >= other[0] - 2e-6 for one, other in pairwise(found))
