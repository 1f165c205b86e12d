"""The files of a view as columns, with and without tables, and from a crafted catalog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from cmsearch.errors import StoreError
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.things import Things
from cmsearch.types import Noted, Notes
from tests.builders import caption, flip_byte, photo, put, remove, serve

ROWS = np.eye(4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(tmp_path / DIRECTORY, tmp_path)
    space = serve(opened.catalog, 4)
    for number in range(4):
        own = put(
            opened.catalog, space, f"{number % 2}/{number}.jpg", photo(ROWS[number], str(number))
        )
        with opened.catalog.writing() as writer:
            writer.put_notes(own, None, [Noted(Notes(("a|b",), rating=number))])
    put(opened.catalog, space, "c.txt", caption("c", ROWS[0], "1/1.jpg"), kind="sidecar")
    return opened


def seen(store: Store) -> tuple[dict[str, list[int]], list[int]]:
    """Which files have each kind, and how many pairs of files and keywords there are."""
    with store.reading() as view:
        things = Things(store.catalog, view)
        pairs = things.noted(("keyword", "level"))
        kinds = {kind: things.table.ids[own].tolist() for kind, own in things.kinds.items()}
        return kinds, np.bincount(pairs.codes, minlength=len(pairs.values)).tolist()


def test_tables_and_catalog_say_the_same(store: Store) -> None:
    expected = {"photo": [1, 2, 3, 4], "caption": [2]}, [4, 4, 4]
    assert seen(store) == expected
    store.publish()
    assert seen(store) == expected
    remove(store.catalog, "0/2.jpg", snapshot=store.snapshot())
    assert seen(store) == ({"photo": [1, 2, 4], "caption": [2]}, [3, 3, 3])
    store.close()


@pytest.mark.parametrize("name", ["assets-*", "rows-*"])
def test_damaged_tables_are_left_for_the_catalog(store: Store, name: str) -> None:
    store.publish()
    for path in store.path.glob(name):
        flip_byte(path)
    with Store(store.path) as opened:
        assert seen(opened)[0] == {"photo": [1, 2, 3, 4], "caption": [2]}
    store.close()


@pytest.mark.parametrize(
    "crafted",
    ["UPDATE notes SET folded = x'00' WHERE kind = 'keyword'",
     "UPDATE notes SET about = 'one' WHERE kind = 'keyword'",
     "UPDATE notes SET about = 9223372036854775807 WHERE kind = 'keyword'",
     "UPDATE notes SET about = -1 WHERE kind = 'keyword'",
     "UPDATE assets SET id = 3000000000 WHERE id = 4"],
)  # fmt: skip
def test_a_crafted_catalog_is_an_error_or_counts_nothing(store: Store, crafted: str) -> None:
    with store.catalog.connected() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys = off"))
        connection.execute(sa.text(crafted))
        connection.commit()
    try:
        kinds, _ = seen(store)
        assert kinds["photo"][:3] == [1, 2, 3]
    except StoreError as error:
        assert str(store.path) in str(error)
    store.close()
