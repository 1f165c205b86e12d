"""What a search reads: compiled once, never a whole table, and in few statements."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import cmsearch
from cmsearch.search.pages import PageRequest, Pages
from cmsearch.store.catalog import schema, sqlite
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality, Role
from tests.builders import asset, caption, photo, serve
from tests.fakes import DIM, SPACE, FakeEncoder

MOST = 22
"""Statements of a default search, those that begin and end its state included."""
SCAN = re.compile(
    r"SCAN (?!.*VIRTUAL TABLE|CONSTANT ROW|\(subquery)|embeddings_by_space (?!.*rowid)"
)
"""In a plan: all rows of a table, or all embeddings of a space. FTS5 and lists are no tables."""
WIDE = re.compile(r"ix_items_about \(about=\?\)")
"""In the plan of what is about nothing else: all of that, by the index of what items are about."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of 150 photographs, each with a caption; they have perceptual hashes."""
    encoder, random = FakeEncoder(), np.random.default_rng(0)
    texts = [
        f"a {word} thing {number}" for number, word in enumerate(["red", "green", "blue"] * 50)
    ]
    vectors = encoder.encode(
        [encoder.prepare(text, Modality.TEXT) for text in texts], Modality.TEXT, Role.DOCUMENT
    ).vectors
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        number = serve(store.catalog, DIM, SPACE)
        with store.catalog.writing() as writer:
            writer.put_bank(number, vectors[:100])
            file = writer.put_asset(asset("captions.jsonl", "captions"))
            for place, text in enumerate(texts):
                path, row = f"{place}.jpg", np.abs(random.normal(size=DIM)).astype(np.float32)
                own = writer.put_asset(asset(path))
                writer.add_item(own, number, photo(row / np.linalg.norm(row), path))
                writer.put_hashes(own, {path: random.bytes(256)})
                writer.add_item(file, number, caption(text, vectors[place], path, str(place)))
        store.publish()
    return tmp_path


@contextmanager
def traced() -> Iterator[list[str]]:
    """The statements of all connections that are made within; FTS5's own are left out."""
    statements: list[str] = []

    def note(text: str) -> None:
        if not text.startswith("--"):
            statements.append(text)

    def connect(driver: Any, _: Any) -> None:
        driver.set_trace_callback(note)

    sa.event.listen(sa.Engine, "connect", connect)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "connect", connect)


def scans(path: Path, statements: list[str], kind: re.Pattern[str] = SCAN) -> list[str]:
    """The statements of which the plan has a scan of a kind, each with that."""
    found = []
    catalog = Catalog(path)
    with catalog.connected() as connection:
        for text in statements:
            if text.startswith("SELECT"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").fetchall()
                found += [f"{row[3]}: {text[:500]}" for row in plan if kind.search(row[3])]
    catalog.close()
    return found


def test_a_default_search_looks_at_no_whole_table_and_asks_little(
    folder: Path, fake_model: str
) -> None:
    with traced() as statements, cmsearch.open(folder) as engine:
        engine.search("a first search")
        statements.clear()
        hits = engine.search("a red thing 9")
        asked = list(statements)
    assert hits[0].path.name == "9.jpg"
    assert scans(folder / DIRECTORY / "catalog.db", asked) == []
    assert 10 < len(asked) <= MOST


def test_a_next_page_looks_only_at_the_files_that_were_given(folder: Path, fake_model: str) -> None:
    with traced() as statements, cmsearch.open(folder) as engine:
        pages = Pages()
        first = pages.first(engine, PageRequest(engine.encode(["a red thing"])[0], size=5))
        statements.clear()
        assert len(pages.next(first.cursor or "").hits) == 5
        asked = list(statements)
    catalog = folder / DIRECTORY / "catalog.db"
    assert scans(catalog, asked) == []
    assert scans(catalog, [one for one in asked if "IS NULL" in one], WIDE) == []


def test_a_part_of_a_list_looks_only_at_its_files(folder: Path, fake_model: str) -> None:
    with traced() as statements, cmsearch.open(folder) as engine:
        engine.listed(limit=10)
        statements.clear()
        assert len(engine.listed(offset=20, limit=10).hits) == 10
        asked = list(statements)
    catalog = folder / DIRECTORY / "catalog.db"
    assert scans(catalog, asked) == []
    assert scans(catalog, [one for one in asked if "IS NULL" in one], WIDE) == []


def test_what_was_read_of_a_state_is_not_read_again(folder: Path, fake_model: str) -> None:
    """Neither texts as captions and as texts, nor in the next search; but after a change."""
    with traced() as statements, cmsearch.open(folder) as engine:
        engine.search("a first search")
        statements.clear()
        hits = engine.search("a red thing 9")
        first = sum("locator" in one for one in statements)
        statements.clear()
        assert engine.search("a red thing 9") == hits
        assert sum("locator" in one for one in statements) < first <= 4
        with Store(folder / DIRECTORY) as other, other.catalog.writing() as writer:
            writer.remove_asset("9.jpg", 1)
        assert "9.jpg" not in {hit.path.name for hit in engine.search("a red thing 9")}


@pytest.mark.parametrize("query", ["red - blue", "9.jpg", "thing"])
def test_no_other_search_looks_at_a_whole_table_either(
    folder: Path, fake_model: str, query: str
) -> None:
    with traced() as statements, cmsearch.open(folder) as engine:
        engine.search("a first search")
        statements.clear()
        engine.search(cmsearch.parse(query), ranking=cmsearch.Ranking(match="all", diverse=True))
        asked = [one for one in statements if "LIKE" not in one]  # of names within paths
    assert scans(folder / DIRECTORY / "catalog.db", asked) == []


def test_scans_are_seen(folder: Path) -> None:
    path = folder / DIRECTORY / "catalog.db"
    assert scans(path, ["SELECT * FROM items"])
    assert scans(path, ["SELECT * FROM embeddings WHERE space = 1 AND modality = 'text'"])
    assert not scans(path, ["SELECT * FROM embeddings WHERE id = 1"])


def test_a_statement_gives_what_sqlalchemy_gives(folder: Path) -> None:
    items = schema.items.c
    query = sa.select(items.id, items.text).where(
        items.id.in_(listed("ids")), items.modality == Modality.TEXT, items.id > given("after")
    )
    prepared = Prepared(query)
    catalog = Catalog(folder / DIRECTORY / "catalog.db")
    for after in (0, 7):
        values = {"ids": listing(range(20)), "after": after}
        with catalog.connected() as connection:
            same = connection.execute(query, values).fetchall()
        assert catalog.run(prepared, **values) == [tuple(row) for row in same] != []
    catalog.close()


def test_errors_of_the_driver_are_told_as_ours(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.db")
    with sqlite3.connect(catalog.path) as database:
        database.execute("DROP TABLE adapters")
    database.close()
    with pytest.raises(cmsearch.StoreError, match=r"can't be used: no such table: adapters"):
        catalog.run(Prepared(sa.select(schema.adapters)))
    with pytest.raises(cmsearch.StoreError, match="can't be used"), sqlite.translated(catalog.path):
        raise sqlite3.OperationalError("disk I/O error")
    catalog.close()
