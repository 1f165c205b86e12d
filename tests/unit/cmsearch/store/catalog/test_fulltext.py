"""Finding items by exact words, and keeping their table true."""

from __future__ import annotations

import random
import sqlite3
import string
from collections.abc import Iterator
from contextlib import closing
from math import log
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import StoreError, StoreReadOnlyError
from cmsearch.store.catalog import fulltext, health, sqlite_words
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.fulltext import Match, Scope
from cmsearch.store.catalog.rows import NewItem
from cmsearch.types import Encoding, Filter, Modality, Part
from tests import builders
from tests.builders import BEFORE_NOTES, asset, caption, photo, put, remove, serve

DIM = 4
AXIS = np.eye(DIM, dtype=np.float32)[0]
FILLER = [f"word{number}" for number in range(12)]
"""Other texts, so that a word in one or two rows is a rare one."""


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Three pictures with captions; items 1 to 3 are the pictures, and then their captions."""
    catalog = builders.opened(tmp_path / "catalog.db")
    number = serve(catalog, DIM)
    for path in ("Grandma's 80th/IMG_2041.jpg", "trips/RedCar.jpg", "trips/b.jpg"):
        put(catalog, number, path, photo(AXIS, path))
    put(
        catalog, number, "captions.jsonl",
        caption("An old woman blows out candles.", AXIS, "Grandma's 80th/IMG_2041.jpg", "1"),
        caption("Candles on a cake.", AXIS, "Grandma's 80th/IMG_2041.jpg", "2"),
        caption("A red boat", AXIS, "trips/b.jpg", "3"),
        caption("Un café à Paris", AXIS, "trips/b.jpg", "4"),
        kind="captions",
    )  # fmt: skip
    put(catalog, number, "notes.txt", *map(passage, ["Candles by the sea.", *FILLER]), kind="text")
    yield catalog
    catalog.close()


def passage(text: str) -> NewItem:
    part = Part(Modality.TEXT, "passage", text)
    return NewItem(part, None, text, Encoding(AXIS[None]))


def scope(catalog: Catalog, modality: Modality = Modality.IMAGE, **changes: object) -> Scope:
    served = catalog.space()
    assert served is not None
    return Scope(served[0], modality, **changes)  # type: ignore[arg-type]


def found(
    catalog: Catalog, text: str, modality: Modality = Modality.IMAGE, **changes: object
) -> list[int]:
    return [
        one.item for one in fulltext.match(catalog, text, 50, scope(catalog, modality, **changes))
    ]


def held(path: Path) -> dict[int, str]:
    with sqlite3.connect(path) as database:
        rows = dict(database.execute("SELECT rowid, text FROM words").fetchall())
    database.close()
    return rows


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("grandma", [1]),
        ("Grandma's 80th", [1]),
        ("2041", [1]),
        ("img_2041", [1]),
        ("jpg", []),
        ("redcar", [2]),
        ("RED CAR", [2, 3]),
        ("red boat", [3, 2]),
        ("trips", [3, 2]),
        ("cafe", [3]),
        ("CAFÉ à paris", [3, 1]),
        ("candles", [1]),
        ("sea", []),
        ("candle", []),
        ("", []),
        ("- * ' \"", []),
    ],
)
def test_pictures_by_their_captions_and_their_paths(
    catalog: Catalog, text: str, items: list[int]
) -> None:
    assert found(catalog, text) == items


@pytest.mark.parametrize(
    ("kind", "items"), [(None, [5, 8, 4]), ("caption", [5, 4]), ("passage", [8])]
)
def test_texts_by_their_words_the_shorter_first(
    catalog: Catalog, kind: str | None, items: list[int]
) -> None:
    assert found(catalog, "candles", Modality.TEXT, kind=kind) == items
    assert found(catalog, "grandma", Modality.TEXT, kind=kind) == []


def test_texts_by_the_words_of_their_files_but_for_captions(catalog: Catalog) -> None:
    assert sorted(found(catalog, "notes", Modality.TEXT)) == list(range(8, 9 + len(FILLER)))
    both = fulltext.match(catalog, "candles notes", 50, scope(catalog, Modality.TEXT), 0.9)
    assert [match.item for match in both if match.share == 1] == [8]
    assert found(catalog, "captions", Modality.TEXT) == []
    assert found(catalog, "notes") == []
    (match,) = fulltext.match(catalog, "sea notes", 1, scope(catalog, Modality.TEXT))
    assert (match.item, match.thing, match.words) == (8, 5, ("sea", "notes"))


def test_subtitles_by_the_words_of_what_they_are_about(catalog: Catalog) -> None:
    number = scope(catalog).space
    put(catalog, number, "films/Ferry.mp4", kind="video")
    part = Part(Modality.TEXT, "subtitle", "Late again.")
    said = NewItem(part, "films/Ferry.mp4", "s", Encoding(AXIS[None]))
    put(catalog, number, "films/Ferry.srt", said, kind="subtitles")
    (line,) = found(catalog, "late ferry films", Modality.TEXT)
    with catalog.writing() as writer:
        writer.move_asset("films/Ferry.mp4", asset("old/Crossing.mp4", "video"))
    assert found(catalog, "ferry", Modality.TEXT) == []
    assert found(catalog, "late crossing", Modality.TEXT) == [line]
    assert health.words_agree(catalog)


def test_things_are_files_however_many_items_have_the_words(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fulltext.things_with(catalog, ["candles"]) == 2  # two captions of a picture; the notes
    assert fulltext.things_with(catalog, ["notes"]) == 1
    with catalog.reading():
        assert fulltext.things_with(catalog, ["candles"]) == 2
    monkeypatch.setattr(fulltext, "_MOST_TOLD", 2)
    assert fulltext.things_with(catalog, ["candles"]) == 3  # as many rows aren't told apart


def test_scopes_share_the_rows_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fulltext, "_FIRST", 3)  # so that there are several pieces
    catalog = Catalog(tmp_path / "catalog.db")
    number = serve(catalog, DIM)
    with catalog.writing() as writer:
        for place in range(30):
            own = writer.put_asset(asset(f"{place}/red.jpg"))
            writer.add_item(own, number, photo(AXIS, str(place)))
            own = writer.put_asset(asset(f"{place}/red.txt", "text"))
            writer.add_item(own, number, passage(f"{place} red"))
    scopes = [scope(catalog, one) for one in (Modality.TEXT, Modality.IMAGE, Modality.TEXT)]
    with catalog.reading():
        rows = fulltext.RankedRows(catalog, "red")
        for limit in (1, 8, 40):
            for within in scopes:
                assert rows.match(limit, within) == fulltext.match(catalog, "red", limit, within)
    catalog.close()


def test_a_picture_is_there_once_by_its_best_caption(catalog: Catalog) -> None:
    (match,) = fulltext.match(catalog, "candles cake", 50, scope(catalog))
    assert (match.item, match.by, match.words, match.share) == (1, 5, ("candles", "cake"), 1)


def test_scores_are_those_of_bm25(catalog: Catalog) -> None:
    """Robertson and Zaragoza 2009, with k1 = 1.2 and b = 0.75, as in SQLite."""
    rows = [text.split() for text in held(catalog.path).values()]
    mean = sum(map(len, rows)) / len(rows)

    def term(word: str, row: list[str]) -> float:
        having = sum(word in other for other in rows)
        idf = log((len(rows) - having + 0.5) / (having + 0.5))
        times = row.count(word)
        return idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * len(row) / mean))

    row = ["candles", "on", "a", "cake"]
    (best, *_) = fulltext.match(
        catalog, "candles, cake, nowhere", 50, scope(catalog, Modality.TEXT)
    )
    assert best.item == 5
    assert best.score == pytest.approx(term("candles", row) + term("cake", row))


def test_the_share_weighs_words_by_their_rarity(catalog: Catalog) -> None:
    total = len(held(catalog.path))

    def weight(rows: int) -> float:
        return log(1 + (total - rows + 0.5) / (rows + 0.5))

    matches = fulltext.match(catalog, "candles cake nowhere", 50, scope(catalog, Modality.TEXT))
    whole = weight(3) + weight(1) + weight(0)
    shares = {one.item: one.share for one in matches}
    assert shares[5] == pytest.approx((weight(3) + weight(1)) / whole)
    assert shares[4] == shares[8] == pytest.approx(weight(3) / whole)


def test_function_words_say_little_where_few_texts_have_them(catalog: Catalog) -> None:
    """As if half of the rows had them; `zebra`, which is as rare, says a lot."""
    for text, is_near in (
        ("the one with the boat", True),
        ("what about that boat", True),
        ("zebra quagga boat", False),
    ):
        matches = fulltext.match(catalog, text, 50, scope(catalog))
        match = next(one for one in matches if "boat" in one.words)
        assert (match.share > 0.5) is is_near
    assert found(catalog, "a", Modality.TEXT) == [6, 5, 7]  # alone they are what is asked for


def test_a_limit_keeps_the_best(catalog: Catalog) -> None:
    everything = fulltext.match(catalog, "candles red trips", 50, scope(catalog))
    assert len(everything) == 3
    assert fulltext.match(catalog, "candles red trips", 2, scope(catalog)) == everything[:2]


def test_items_are_found_in_the_space_that_has_them(catalog: Catalog) -> None:
    other = serve(catalog, DIM + 1)
    assert found(catalog, "candles") == []
    put(catalog, other, "trips/b.jpg", photo(np.ones(DIM + 1), "trips/b.jpg"))
    assert found(catalog, "boat trips") == [3]


@pytest.mark.parametrize(
    ("wanted", "items"),
    [
        (Filter(), [3, 2]),
        (Filter(path="RedCar.jpg"), [2]),
        (Filter(path="Grandma*"), []),
        (Filter(has_caption=False), [2]),
        (Filter(has_caption=True), [3]),
        (Filter(near=(48.5, -2.25, 1)), [3, 2]),
        (Filter(near=(0, 0, 1)), []),
    ],
)
def test_a_filter_is_that_of_the_pictures(
    catalog: Catalog, wanted: Filter, items: list[int]
) -> None:
    assert found(catalog, "red boat", wanted=wanted) == items


def test_a_filter_is_asked_of_more_rows_until_enough_are_left(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.db")
    number = serve(catalog, DIM)
    with catalog.writing() as writer:
        for place in range(600):
            own = writer.put_asset(asset(f"{place}/red.jpg"))
            writer.add_item(own, number, photo(AXIS, str(place)))
    assert found(catalog, "red", wanted=Filter(path="599/*")) == [600]
    assert len(found(catalog, "red")) == 50
    catalog.close()


def test_common_words_find_nothing_beside_rare_ones(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(catalog, "trips boat") == [3, 2]
    monkeypatch.setattr(fulltext, "MOST_ROWS", 2)
    assert found(catalog, "trips boat") == [3]
    assert found(catalog, "trips") == [3, 2]


def test_no_sign_of_a_query_means_anything(catalog: Catalog) -> None:
    plain = fulltext.match(catalog, "red near boat and car", 50, scope(catalog))
    for text in (
        '"red" NEAR boat AND car', "red* NEAR(boat AND car)", "^red + near:boat - and {car}",
        "red\0near\0boat and car", "RED -NEAR -boat +and (car",
    ):  # fmt: skip
        assert fulltext.match(catalog, text, 50, scope(catalog)) == plain


def test_no_query_is_an_error(catalog: Catalog) -> None:
    chance = random.Random(0)
    signs = "\"'*^:-+(){}[],.;%_\\\0\n\t" + "éßİ猫हि\u0301\u200d\ufe0f\ud800\udfff\U0010ff80😀"
    letters = [*signs, *string.ascii_letters, *string.digits, *[" "] * 9]
    said = ["AND", "OR", "NOT", "NEAR", "red", "candles", "text :", "rowid"]
    within = scope(catalog)
    for _ in range(2_000):
        text = "".join(chance.choices([*letters, *said], k=chance.randrange(25)))
        for one in fulltext.match(catalog, text, 3, within):
            assert 0 < one.share <= 1
            assert one.words
    assert len(fulltext.match(catalog, "candles " * 100_000, 3, within)) == 1
    assert found(catalog, " ".join(f"w{number}" for number in range(5000))) == []


def test_only_the_first_words_of_a_long_query_count(catalog: Catalog) -> None:
    long = " ".join(f"w{number}" for number in range(fulltext.MOST_WORDS - 1))
    assert found(catalog, f"{long} boat") == [3]
    assert found(catalog, f"{long} w boat") == []


def test_words_follow_what_is_written(catalog: Catalog) -> None:
    number = scope(catalog).space
    with catalog.writing() as writer:
        writer.move_asset("trips/RedCar.jpg", asset("ships/Blue.jpg"))
    assert found(catalog, "redcar") == []
    assert found(catalog, "ships") == [2]
    remove(catalog, "trips/b.jpg")
    assert found(catalog, "boat") == []
    with catalog.writing() as writer:
        file = writer.put_asset(asset("notes.txt", "text"))
        writer.keep_items(file, {FILLER[0]: "1"}, 0)
        writer.add_item(file, number, passage("A yellow submarine."))
    assert found(catalog, "sea", Modality.TEXT) == []
    assert len(found(catalog, "submarine", Modality.TEXT)) == 1
    with catalog.writing() as writer:
        writer.move_asset("notes.txt", asset("songs/beat.txt", "text"))
    assert found(catalog, "notes", Modality.TEXT) == []
    assert len(found(catalog, "beat songs", Modality.TEXT)) == 2
    assert health.words_agree(catalog)


def test_what_fails_leaves_the_words_as_they_were(catalog: Catalog) -> None:
    before = held(catalog.path)
    with pytest.raises(RuntimeError, match="half way"), catalog.writing() as writer:
        writer.remove_asset("trips/b.jpg", 0)
        writer.move_asset("trips/RedCar.jpg", asset("ships/Blue.jpg"))
        raise RuntimeError("half way")
    assert held(catalog.path) == before
    assert health.words_agree(catalog)


def test_words_are_read_in_the_state_that_is_held(catalog: Catalog) -> None:
    with catalog.reading():
        assert found(catalog, "boat") == [3]
        other = Catalog(catalog.path)
        remove(other, "trips/b.jpg")
        other.close()
        assert found(catalog, "boat") == [3]
    assert found(catalog, "boat") == []


def test_words_are_found_where_nothing_can_be_written(catalog: Catalog) -> None:
    catalog.close()
    reading = Catalog(catalog.path, read_only=True)
    assert found(reading, "boat") == [3]
    assert health.words_agree(reading)
    with pytest.raises(StoreReadOnlyError):
        health.rebuild_words(reading)
    reading.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM words WHERE rowid = 1",
        "INSERT INTO words (rowid, text) VALUES (999, 'ghost')",
        "UPDATE words SET text = 'other words' WHERE rowid = 2",
        "UPDATE words_content SET c0 = 'candles on a' WHERE id = 5",
        "UPDATE words_content SET c0 = 'other words here' WHERE id = 5",
        "UPDATE items SET text = 'Another text.' WHERE id = 5",
        "UPDATE assets SET path = 'elsewhere.jpg' WHERE id = 1",
        "DELETE FROM words_data WHERE id > 10",
        "DELETE FROM words_docsize",
        "DROP TABLE words_docsize",
        "DROP TABLE words",
    ],
)
def test_words_that_disagree_are_made_anew(catalog: Catalog, damage: str) -> None:
    assert health.words_agree(catalog)
    with sqlite3.connect(catalog.path) as database:
        database.execute(damage)
    database.close()
    other = Catalog(catalog.path)
    assert not health.words_agree(other)
    health.rebuild_words(other)
    assert health.words_agree(other)
    assert found(other, "cake" if "items" not in damage else "another") == [1]
    other.close()


def test_a_schema_of_bytes_that_are_no_text_is_an_error_of_ours(catalog: Catalog) -> None:
    catalog.close()
    data = catalog.path.read_bytes()
    other = catalog.path.with_name("other.db")
    other.write_bytes(data.replace(b"UNIQUE (path)", b"U\xd5IQUE (path)"))
    with pytest.raises(StoreError, match="schema is damaged"):
        Catalog(other)


@pytest.mark.parametrize("lost", ["words", "words_content"])
def test_lost_words_are_named_and_made_anew(catalog: Catalog, lost: str) -> None:
    catalog.close()
    with closing(sqlite3.connect(catalog.path)) as database, database:
        if lost != "words":
            database.execute("PRAGMA writable_schema = ON")
            database.execute("DELETE FROM sqlite_master WHERE name = ?", [lost])
        else:
            database.execute("DROP TABLE words")
    opened = Catalog(catalog.path)
    with pytest.raises(StoreError, match=r"exact words.*doctor --repair"):
        found(opened, "grandma")
    assert not health.words_agree(opened)
    if lost == "words":
        health.rebuild_words(opened)
        assert found(opened, "grandma") == [1]
    opened.close()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_catalog_gets_its_words(catalog: Catalog, version: int) -> None:
    catalog.close()
    before = held(catalog.path)
    with sqlite3.connect(catalog.path) as database:
        database.execute("DROP TABLE words")
        database.execute("DROP TABLE adapters")
        database.execute("DROP TABLE changes")
        database.executescript(";".join(BEFORE_NOTES))
        database.execute("ALTER TABLE items DROP COLUMN phash")
        if version == 1:
            database.executescript(
                "ALTER TABLE generations DROP COLUMN served;"
                "CREATE INDEX ix_items_asset ON items (asset); DROP INDEX items_by_digest;"
                "CREATE INDEX ix_embeddings_item ON embeddings (item);"
                "DROP INDEX embeddings_by_item;"
            )
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    with pytest.raises(StoreError, match="older cmsearch"):
        Catalog(catalog.path, read_only=True)
    migrated = Catalog(catalog.path)
    assert held(catalog.path) == before
    assert health.words_agree(migrated)
    assert found(migrated, "grandma") == [1]
    migrated.close()


def test_texts_of_an_older_catalog_get_the_words_of_their_files(catalog: Catalog) -> None:
    """Version 5 had the words of the texts alone."""
    catalog.close()
    before = held(catalog.path)
    with closing(sqlite3.connect(catalog.path)) as database, database:
        database.execute("UPDATE words SET text = replace(text, ' notes', '') WHERE rowid >= 8")
        database.execute("DROP TABLE changes")
        database.executescript(";".join(BEFORE_NOTES))
        database.execute("PRAGMA user_version = 5")
    assert held(catalog.path) != before
    migrated = Catalog(catalog.path)
    assert held(catalog.path) == before
    assert health.words_agree(migrated)
    migrated.close()


def test_an_sqlite_without_full_text_search_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sqlite_words.MAKE
    lacking = tuple(statement.replace("fts5(", "fts_of_none(") for statement in made)
    monkeypatch.setattr(sqlite_words, "MAKE", lacking)
    with pytest.raises(StoreError, match=r"no such module.*Python whose SQLite has"):
        Catalog(tmp_path / "catalog.db")
    monkeypatch.setattr(sqlite_words, "MAKE", made)
    catalog = Catalog(tmp_path / "catalog.db")
    assert health.words_agree(catalog)
    catalog.close()


def test_a_match_says_what_was_found(catalog: Catalog) -> None:
    (match,) = fulltext.match(catalog, "grandma", 50, scope(catalog))
    assert match == Match(item=1, by=1, thing=1, score=match.score, share=1.0, words=("grandma",))
