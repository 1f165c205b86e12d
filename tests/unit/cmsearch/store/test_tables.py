"""Tables beside a catalog go on from former ones, and say what is in the catalog."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cmsearch.store import publication, tables
from cmsearch.store.catalog import asset_rows, items
from cmsearch.store.compaction import compact
from cmsearch.store.index import asset_table, faiss_index, manifest, snapshot
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality
from tests.builders import asset, caption, photo, put, remove, serve
from tests.oracle import unit_vectors

DIM = 8
ROWS = unit_vectors(np.random.default_rng(0), 200, DIM)


def add(store: Store, start: int, end: int) -> None:
    with store.catalog.writing() as writer:
        for number in range(start, end):
            writer.add_item(writer.put_asset(asset(f"{number:03}.jpg")), 1, photo(ROWS[number]))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """One that is published in two segments, of which files were changed between them."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    store = Store(tmp_path / DIRECTORY, tmp_path)
    serve(store.catalog, DIM)
    add(store, 0, 100)
    put(store.catalog, 1, "a.txt", caption("red", ROWS[0], "007.jpg"), kind="sidecar")
    store.publish()
    add(store, 100, 112)
    remove(store.catalog, "005.jpg", snapshot=store.snapshot())
    with store.catalog.writing() as writer:
        writer.move_asset("006.jpg", asset("elsewhere/é.png"))
    store.publish()
    return store


def published(store: Store) -> manifest.Manifest:
    found = store.published(1)
    assert found is not None
    return found


def assert_agree(store: Store) -> None:
    """The tables say what the catalog does, all of them."""
    head = published(store)
    assert list(tables.differing(store.catalog, store.path, head)) == []
    known = snapshot.open_assets(store.path, head)
    assert known is not None
    assert asset_table.are_alike(known, asset_table.made(asset_rows.pages(store.catalog)))
    for modality in (Modality.IMAGE, Modality.TEXT):
        assert snapshot.open_table(store.path, head.of(modality)) is not None


def test_they_go_on_from_segment_to_segment(store: Store) -> None:
    assert len(published(store).of(Modality.IMAGE)) == 2
    assert_agree(store)
    compact(store)
    assert len(published(store).of(Modality.IMAGE)) == 1
    assert_agree(store)
    store.close()


def test_a_publication_without_tables_gets_them(store: Store) -> None:
    """As an older cmsearch wrote it, which knew no changes either."""
    head = published(store)
    path = store.path / f"manifest-{head.snapshot}.json"
    kept = manifest.json.loads(path.read_text())
    del kept["checksum"], kept["assets"], kept["changes"]
    for one in kept["indexes"]:
        del one["table"], one["kinds"]
    path.write_text(manifest.sealed_fields(kept | {"format": 5}))
    with store.reading() as view:
        assert view.tables is not None and view.tables.rows(Modality.IMAGE) is None
        assert view.tables.assets() is None
    store.publish()
    assert published(store).snapshot > head.snapshot
    assert_agree(store)
    store.close()


def test_what_is_noted_of_changes_goes_with_the_publication_that_needs_it(store: Store) -> None:
    add(store, 112, 120)
    former = published(store)
    assert asset_rows.changed(store.catalog, 0) is not None
    found = store.catalog.space()
    assert found is not None
    publication.write(store.catalog, store.path, found, former)
    first = store.catalog.scalar(manifest_changes())
    assert first is None or first > former.changes
    assert published(store).changes > former.changes
    store.close()


def manifest_changes() -> object:
    import sqlalchemy as sa

    from cmsearch.store.catalog import schema

    return sa.select(sa.func.min(schema.changes.c.id))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE assets SET camera = 'x' WHERE path = '050.jpg'", "table of files"),
        ("UPDATE items SET kind = 'page' WHERE id = 50", "image rows"),
        ("UPDATE items SET about = 3 WHERE kind = 'caption'", "text rows"),
    ],
)
def test_what_differs_is_told(store: Store, change: str, told: str) -> None:
    store.close()
    with closing(sqlite3.connect(store.path / "catalog.db")) as opened, opened:
        opened.execute(change)
    with Store(store.path) as again:
        (found,) = tables.differing(again.catalog, again.path, published(again))
    assert told in found


def test_a_transaction_notes_what_it_changed(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        with store.catalog.writing() as writer:
            first = writer.put_asset(asset("a.jpg"))
            second = writer.put_asset(asset("b.jpg"))
        before = asset_rows.last_change(store.catalog)
        with store.catalog.writing() as writer:
            writer.move_asset("b.jpg", asset("c.jpg"))
            writer.move_asset("none.jpg", asset("d.jpg"))
            writer.read_again(["image"])
        with pytest.raises(RuntimeError), store.catalog.writing() as writer:
            writer.remove_asset("a.jpg", 0)
            raise RuntimeError
        since = [asset_rows.changed(store.catalog, one) for one in (0, before)]
    assert [one.tolist() for one in since if one is not None] == [[first, second], [second]]


def test_items_are_looked_up_by_the_numbers_that_a_table_tells(store: Store) -> None:
    """Those of embeddings that came since by these."""
    add(store, 112, 114)
    with store.reading() as view:
        assert view.tables is not None
        found = view.tables.rows(Modality.IMAGE)
        assert found is not None
        wanted = [*found[0].tolist(), view.last_embedding]
        told = view.tables.items(Modality.IMAGE, wanted)
        assert len(told) == len(found[0]) and view.tables.items(Modality.VIDEO, wanted) == {}
    expected = items.of_embeddings(store.catalog, wanted)
    assert items.of_embeddings(store.catalog, wanted, told) == expected
    assert len(expected) == 112
    assert all(own.id == told[one] for one, own in expected.items() if one in told)
    store.close()
