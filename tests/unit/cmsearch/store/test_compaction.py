"""Compacting merges segments, lays out what is new, and frees what is dead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import StoreLockedError
from cmsearch.store import publication
from cmsearch.store.compaction import Apart, Compacted, apart, compact
from cmsearch.store.index import faiss_index
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import FloatArray, Modality, Progress
from tests.builders import asset, caption, photo, put, remove, serve
from tests.oracle import Oracle, assert_exact, filled, unit_vectors

DIM = 8
COUNT = 100
ROWS = unit_vectors(np.random.default_rng(0), 200, DIM)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """One with `COUNT` photos in its first segment, 12 in the next, 3 new and 5 deleted ones."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        serve(store.catalog, DIM)
        add(store, 0, ROWS[:COUNT])
        store.publish()
        add(store, COUNT, ROWS[COUNT : COUNT + 12])
        store.publish()
        add(store, COUNT + 12, ROWS[COUNT + 12 : COUNT + 15])
        remove(store.catalog, *(f"{one:03}.jpg" for one in range(5)), snapshot=store.snapshot())
        yield store


def add(store: Store, start: int, rows: FloatArray) -> None:
    with store.catalog.writing() as writer:
        for number, vector in enumerate(rows, start):
            writer.add_item(writer.put_asset(asset(f"{number:03}.jpg")), 1, photo(vector))


def assert_shows_all(store: Store) -> None:
    oracle = Oracle()
    filled(oracle, range(6, COUNT + 16), ROWS[5 : COUNT + 15])
    index = store.view().indexes[Modality.IMAGE]
    assert len(index) == len(oracle.vectors)
    assert_exact(index, oracle, ROWS[150:155], 60)


def test_what_lies_apart_is_told(store: Store) -> None:
    assert apart(store) == Apart(rows=112, segments=2, indexes=1, later=12, dead=5, new=3)


def test_everything_becomes_one_segment(store: Store) -> None:
    assert_shows_all(store)
    told = list[Progress]()
    done = compact(store, told.append)
    assert done == Compacted(2, 1, 5, 3, done.bytes_before, done.bytes_after)
    assert [(one.stage, one.done, one.total) for one in told] == [
        ("compact", 0, 110),
        ("compact", 107, 110),
        ("compact", 110, 110),
    ]
    assert apart(store) == Apart(rows=110, segments=1, indexes=1, later=0, dead=0, new=0)
    with Store(store.path) as another:
        for one in (store, another):
            assert_shows_all(one)


def test_nothing_is_written_where_nothing_lies_apart(store: Store) -> None:
    compact(store)
    before = store.snapshot()
    done = compact(store)
    assert (done.segments_before, done.segments_after, done.added, done.freed) == (1, 1, 0, 0)
    assert store.snapshot() == before


def test_the_room_of_what_was_deleted_is_given_back(store: Store) -> None:
    """A store of captions that were large."""
    put(store.catalog, 1, "a.txt", caption("long " * 200_000, ROWS[0], "006.jpg"), kind="captions")
    remove(store.catalog, "a.txt", snapshot=store.snapshot())
    done = compact(store)
    assert done.bytes_after < done.bytes_before - 1_000_000


def test_only_one_process_writes(store: Store) -> None:
    with store.locked(), Store(store.path) as another, pytest.raises(StoreLockedError):
        compact(another)


def test_an_empty_store_has_nothing_apart(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as empty:
        assert not apart(empty).is_any()
        assert compact(empty).segments_after == 0


def test_a_store_that_was_never_published_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.disown_files()
    assert apart(store) == Apart(rows=0, segments=0, indexes=0, later=0, dead=0, new=110)
    done = compact(store)
    assert (done.segments_after, done.added) == (1, 110)
    assert publication.published(store.catalog, store.path, 1) is not None
    assert_shows_all(store)
