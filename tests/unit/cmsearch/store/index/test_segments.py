"""A change takes up the segments that it outgrows, and those that are dead by a good part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmsearch.store.index import faiss_index, segments, snapshot
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.manifest import IndexFiles, Manifest
from cmsearch.types import Modality
from tests.oracle import unit_vectors

DIM = 8


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Segments of 150, 40 and 10 rows under ids that go on."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    manifest, last = Manifest(0, "token", 0, "faiss", {}, []), 0
    rows = unit_vectors(np.random.default_rng(0), 200, DIM)
    for number, size in enumerate((150, 40, 10), 1):
        ids = np.arange(last, last + size)
        own = snapshot.Content(DIM, [(ids, rows[ids])], rows[:10], stay=manifest.indexes)
        head, last = Manifest(number, "token", last + size, "faiss", {}, []), last + size
        content = {(1, Modality.IMAGE): own}
        manifest = snapshot.publish(tmp_path, head, content, FaissIndex(DIM))
    assert [one.rows for one in manifest.indexes] == [150, 40, 10]
    return manifest


@pytest.mark.parametrize(
    ("new", "dead", "stay"),
    [
        (0, [], 3),
        (4, [], 3),
        (5, [], 2),  # half of the last, but not of the one before
        (10, [], 1),  # half of 40 with the 10
        (30, [], 0),
        (0, [5], 3),
        (0, [195], 2),
        (0, [151, 160, 170, 185], 1),
        (0, range(15), 0),
        (0, range(200, 300), 3),  # of no segment
    ],
)
def test_what_stays(
    tmp_path: Path, published: Manifest, new: int, dead: list[int], stay: int
) -> None:
    found = segments.staying(tmp_path, published.indexes, np.array(dead, np.int64), new)
    assert found == stay


def test_nothing_stays_of_what_can_not_be_read_or_keeps_nothing(
    tmp_path: Path, published: Manifest
) -> None:
    first, *others = published.indexes
    bare = IndexFiles(1, Modality.IMAGE, 150, DIM, first.vectors, first.ids, None, {})
    none = np.empty(0, np.int64)
    assert segments.staying(tmp_path, [bare], none, 1) == 0
    assert not segments.are_kept([bare, *others], DIM)
    assert segments.are_kept(published.indexes, DIM)
    (tmp_path / first.ids.name).unlink()
    assert segments.staying(tmp_path, published.indexes, none, 1) == 0


def test_ids_are_told_that_are_in_a_publication(tmp_path: Path, published: Manifest) -> None:
    ids = np.array([0, 149, 170, 199, 200, 10_000])
    assert segments.are_in(tmp_path, published, ids).tolist() == [True] * 4 + [False] * 2
    empty = Manifest(0, "token", 0, "faiss", {}, [])
    assert not segments.are_in(tmp_path, empty, ids).any()
