from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import cmsearch
from cmsearch.store.catalog import (
    asset_rows,
    embeddings,
    files,
    fulltext,
    health,
    items,
    marks,
    moving,
    schema,
)
from cmsearch.store.catalog import postgres as database
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.mark_rows import Kept
from cmsearch.store.catalog.postgres_constructs import pattern
from cmsearch.types import Filter, Modality, Noted, Notes
from tests import postgres
from tests.builders import asset, caption, photo, put, remove, serve

DIM = 4
AXES = np.eye(DIM, dtype=np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog in a file, with something in every table."""
    path = tmp_path_factory.mktemp("postgres") / "catalog.db"
    catalog = Catalog(path)
    space = serve(catalog, DIM)
    put(catalog, space, "a/Straße.jpg", photo(AXES[:2], "a"))
    put(catalog, space, "B.jpg", photo(AXES[2], "b"), caption("A dog's day", AXES[3], "B.jpg"))
    put(catalog, space, "gone.jpg", photo(AXES[2], "gone"))
    remove(catalog, "gone.jpg")
    with catalog.writing() as writer:
        writer.put_notes(1, None, [Noted(Notes(keywords=("pets|dogs",)))])
        writer.put_bank(space, AXES)
        writer.put_adapter("digest", b"bytes")
    catalog.close()
    return path


@pytest.fixture
def catalog(folder: Path) -> Iterator[Catalog]:
    """The same on a server."""
    opened, source = postgres.catalog(folder), Catalog(folder)
    moving.move(source, opened)
    source.close()
    yield opened
    opened.close()


def rows(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, and the words."""
    tables = (*schema.meta.sorted_tables, sa.table("words", sa.column("rowid"), sa.column("text")))
    return {
        table.name: [
            tuple(row) for row in catalog.rows(sa.select(*table.c).order_by(*list(table.c)[:1]))
        ]
        for table in tables
    }


def test_a_catalog_is_equal_after_there_and_back(
    catalog: Catalog, folder: Path, tmp_path: Path
) -> None:
    moving.copy(catalog, tmp_path / "back.db")
    first, back = Catalog(folder), Catalog(tmp_path / "back.db")
    assert rows(first) == rows(catalog) == rows(back)
    assert embeddings.last_embedding(back) == embeddings.last_embedding(first)
    assert health.words_agree(catalog) and health.integrity(catalog) == []
    first.close(), back.close()


def test_what_is_added_after_a_move_has_new_numbers(catalog: Catalog) -> None:
    last = embeddings.last_embedding(catalog)
    put(catalog, 1, "new.jpg", photo(AXES[0], "new"))
    assert embeddings.last_embedding(catalog) > last
    assert catalog.rows(sa.select(schema.assets.c.id).where(schema.assets.c.path == "new.jpg"))


def test_an_item_that_has_its_vectors_keeps_them(catalog: Catalog) -> None:
    """Another writer may have encoded it meanwhile."""
    for _ in range(2):
        put(catalog, 1, "twice.jpg", photo(AXES[0], "twice"))
    wanted = Filter(path="twice.jpg")
    assert len(items.embedding_ids(catalog, 1, Modality.IMAGE, None, wanted)) == 1


def test_a_state_that_is_read_stays(catalog: Catalog) -> None:
    with catalog.reading() as version:
        count = files.count(catalog)
        other = Catalog(catalog.path, url=catalog.url)
        put(other, 1, "meanwhile.jpg", photo(AXES[0], "new"))
        assert other.version() > version
        other.close()
        assert files.count(catalog) == count
    assert files.count(catalog) == count + 1


@pytest.mark.parametrize("glob", ["*.JPG", "STRASSE*", "a", "./B*", "[ab]*", "?.jpg", "*[!x]"])
def test_filters_pass_what_those_of_a_file_do(catalog: Catalog, folder: Path, glob: str) -> None:
    wanted, first = Filter(path=glob), Catalog(folder)
    found = items.embedding_ids(catalog, 1, Modality.IMAGE, None, wanted)
    expected = items.embedding_ids(first, 1, Modality.IMAGE, None, wanted)
    first.close()
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("text", ["dogs", "a dog's day", "STRASSE", "strasse", "pets", "nothing"])
def test_words_find_what_those_of_a_file_do(catalog: Catalog, folder: Path, text: str) -> None:
    first, scope = Catalog(folder), fulltext.Scope(1, Modality.IMAGE)
    assert fulltext.match(catalog, text, 9, scope) == fulltext.match(first, text, 9, scope)
    first.close()


def test_a_filter_that_passes_more_than_is_planned_for_looks_items_up(catalog: Catalog) -> None:
    """Else each file that passes reads all items, which takes minutes among 100,000."""
    asked = []

    def explain(
        connection: sa.Connection, cursor: object, statement: str, values: object, *_: object
    ) -> None:
        if not statement.startswith(("SET", "EXPLAIN")):
            connection.exec_driver_sql("SET LOCAL enable_hashjoin = off")
            connection.exec_driver_sql("SET LOCAL enable_mergejoin = off")
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            asked.append(str(connection.exec_driver_sql(f"EXPLAIN {statement}", values).fetchall()))

    sa.event.listen(catalog._engine, "before_cursor_execute", explain)
    items.embedding_ids(catalog, 1, Modality.IMAGE, "photo", Filter(keywords=("dogs",)))
    assert len(asked) == 1 and "items_by_subject" in asked[0]


def test_no_assets_are_asked_for_as_some_are(catalog: Catalog) -> None:
    some = asset_rows.some(catalog, np.array([1]))
    assert [row[0] for row in some] == [1]
    assert not asset_rows.some(catalog, np.empty(0, np.int64))
    assert not len(asset_rows.at(catalog, []))


def test_marks_are_counted_and_found_by_any_of_query_and_target(catalog: Catalog) -> None:
    mark = Kept("a dog", "image", "B.jpg", "B.jpg", "photo", "", "b", 1, "2026-01-02")
    with catalog.writing() as writer:
        assert writer.put_mark(mark, 1) == 0
    for which in (marks.EVERY, marks.Which("a dog"), marks.Which(target="image")):
        assert [one.mark for one in marks.located(catalog, which)] == [mark]
        assert marks.count(catalog, which) == 1
    assert marks.count(catalog, marks.Which("a cat", "image")) == 0


def test_a_zero_in_a_text_is_replaced(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        writer.put_asset(asset("zero.jpg", error="a\0b"))
    assert files.assets_at(catalog, ["zero.jpg"])["zero.jpg"].error == "a\ufffdb"


def test_an_empty_place_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(cmsearch.StoreNotFoundError, match="no index in postgresql"):
        Catalog(tmp_path, url=sa.make_url(postgres.empty()), make=False)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    url = postgres.empty("foreign_one")
    postgres.run("CREATE TABLE foreign_one.assets (id integer)")
    with pytest.raises(cmsearch.StoreError, match="a table `assets` of another program"):
        Catalog(tmp_path, url=sa.make_url(url))


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    url = postgres.empty("newer")
    Catalog(tmp_path, url=sa.make_url(url)).close()
    postgres.run("UPDATE newer.cmsearch_state SET format = 99")
    with pytest.raises(cmsearch.StoreError, match="made by a newer cmsearch"):
        Catalog(tmp_path, url=sa.make_url(url))


def test_a_server_that_is_away_is_told_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setattr(database, "WAITS", (0.01,))
    url = sa.make_url("postgresql+psycopg://me:secret@127.0.0.1:9/db?sslpassword=hidden")
    with pytest.raises(cmsearch.StoreUnavailableError, match="doesn't answer") as raised:
        Catalog(tmp_path, url=url)
    assert "me@127.0.0.1:9/db" in str(raised.value)
    assert "secret" not in str(raised.value) and "hidden" not in str(raised.value)


@given(
    glob=st.text("ab*?[]^-.\\/", max_size=8).map(lambda glob: f"*{glob}"),
    text=st.text("ab^-.\\/[]", max_size=6),
)
def test_patterns_are_of_the_texts_that_globs_are_of(glob: str, text: str) -> None:
    """As far as Python reads patterns as PostgreSQL does, which is all that `pattern` writes."""
    import re

    with sqlite3.connect(":memory:") as connection:
        (wanted,) = connection.execute("SELECT ? GLOB ?", (text, glob)).fetchone()
    try:
        found = re.search(pattern(glob), text, re.S)
    except re.error:  # a range that runs backwards, which is no error to SQLite
        return
    assert bool(found) == bool(wanted), (glob, translate(glob))
