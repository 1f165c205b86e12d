"""The table of words against brute force, whatever a writer does."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.store.catalog import files, fulltext, health, items
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.store.catalog.terms import path_terms, terms
from cmsearch.store.catalog.writer import Writer
from cmsearch.types import Modality
from tests.builders import asset, caption, photo, serve
from tests.builders import space as space_of

DIM = 2
AXIS = np.eye(DIM, dtype=np.float32)[0]
PATHS = ["a/RedCar.jpg", "b2/IMG_1.png", "Été.jpg", "c.txt"]
TEXTS = ["a red car", "Un café, à Paris", "猫の絵", "red red", "..."]

paths, texts = st.sampled_from(PATHS), st.sampled_from(TEXTS)
steps = st.one_of(
    st.tuples(st.just("photo"), paths),
    st.tuples(st.just("caption"), paths, paths, texts),
    st.tuples(st.just("keep"), paths, st.sets(texts)),
    st.tuples(st.just("remove"), paths),
    st.tuples(st.just("move"), paths, paths),
    st.tuples(st.just("generation")),
    st.tuples(st.just("fail"), paths),
)


def take(catalog: Catalog, writer: Writer, space: int, step: tuple[object, ...]) -> None:
    match step:
        case ("photo", str(path)):
            writer.add_item(writer.put_asset(asset(path)), space, photo(AXIS, "photo"))
        case ("caption", str(path), str(about), str(text)):
            writer.put_asset(asset(about))
            writer.add_item(writer.put_asset(asset(path)), space, caption(text, AXIS, about))
        case ("keep", str(path), set(kept)):
            digests = {caption(text, AXIS, about).digest for text in kept for about in PATHS}
            writer.keep_items(writer.put_asset(asset(path)), dict.fromkeys(digests, "7"), 0)
        case ("remove" | "fail", str(path)):
            writer.remove_asset(path, 0)
        case ("move", str(path), str(new)):
            known = files.assets(catalog)
            if path in known and new not in known:
                writer.move_asset(path, asset(new))
        case ("generation",):
            other = writer.put_space(space_of(DIM + 1), "numpy")
            writer.add_item(writer.put_asset(asset(PATHS[0])), other, photo(AXIS, "elsewhere"))
            writer.delete_generation(2, other)


def expected(path: Path) -> dict[int, list[str]]:
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "SELECT items.id, modality, text, path FROM items JOIN assets ON asset = assets.id"
        ).fetchall()
    database.close()
    return {
        number: terms(text) if modality == "text" else path_terms(name)
        for number, modality, text, name in rows
    }


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=12), texts | paths)
def test_the_words_are_those_of_the_items(taken: list[tuple[object, ...]], asked: str) -> None:
    with TemporaryDirectory() as place:
        path = Path(place) / "catalog.db"
        catalog = Catalog(path)
        number = serve(catalog, DIM)
        for step in taken:
            try:
                with catalog.writing() as writer:
                    take(catalog, writer, number, step)
                    if step[0] == "fail":
                        raise InterruptedError
            except InterruptedError:
                pass
        wanted = expected(path)
        with sqlite3.connect(path) as database:
            held = dict(database.execute("SELECT rowid, text FROM words").fetchall())
            database.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        database.close()
        assert {one: words.split() for one, words in held.items()} == wanted
        assert health.words_agree(catalog)
        check_matches(catalog, number, wanted, asked)
        catalog.close()


def check_matches(catalog: Catalog, number: int, wanted: dict[int, list[str]], asked: str) -> None:
    """By brute force: the texts with any of the words, which weigh the same share."""
    words = set(terms(asked))
    texts = items.of_embeddings(
        catalog, items.embeddings(catalog, number, Modality.TEXT, DIM)[0].tolist()
    )
    matches = fulltext.match(catalog, asked, 100, Scope(number, Modality.TEXT))
    having = {one.id for one in texts.values() if words & set(wanted[one.id])}
    assert {one.item for one in matches} == having
    for one in matches:
        assert set(one.words) == words & set(wanted[one.item])
        assert (one.share == 1) == (words <= set(wanted[one.item]))
