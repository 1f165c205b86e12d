"""Marks: what they are of, what they outlive, and what they are refused for."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch import Engine, Modality, Query, QueryError, QueryPart, Ranking, StoreError
from cmsearch.errors import MediaError, StoreLockedError, StoreReadOnlyError
from cmsearch.search import marking
from cmsearch.search.wire import mark_as_json
from cmsearch.store import compaction, copying
from cmsearch.store.catalog import mark_rows, sqlite
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Place
from indexer import Indexer
from indexer.doctor import examine
from tests.builders import write_files, write_picture

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marking")


@pytest.fixture
def folder(tmp_path: Path, fake_model: str, places: Path) -> Path:
    """A copy of a folder that is indexed once."""
    original = places / "photos"
    if not original.exists():
        for colour in COLOURS:
            write_picture(original / f"{colour}.png", colour)
        write_files(original, {"red.txt": "a red thing\n", "notes.md": "Green is a colour.\n"})
        run(original, fake_model)
    return Path(shutil.copytree(original, tmp_path / "photos"))


def run(folder: Path, model: str | None = None) -> None:
    Indexer(folder, model=model, asr="none", ocr="none").run()


def known(folder: Path, query: Any = None, target: str | None = None) -> list[tuple[str, bool]]:
    with cmsearch.open(folder) as engine:
        return [(one.source, one.right) for one in engine.marks(query, target=target)]


def found(engine: Engine, name: str, target: str = "image") -> cmsearch.Hit:
    hits = engine.search("red", target=target, ranking=Ranking(fold=False))
    return next(hit for hit in hits if name in hit.source)


def mark(folder: Path, name: str, right: bool | None = True, query: Any = "red") -> None:
    with cmsearch.open(folder) as engine:
        engine.mark(query, found(engine, name), right, target="image")


def test_a_mark_says_what_was_meant(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        hit = found(engine, "red.png")
        before = datetime.now(UTC).date()
        made = engine.mark("a  red\nthing", hit, right=True, target="image")
        assert made is not None
        assert (made.query, made.target, made.right, made.source) == (
            "a red thing", "image", True, "red.png",
        )  # fmt: skip
        assert (made.path, made.kind, made.locator) == (hit.path, "photo", "")
        assert made.items == (hit.item,)
        assert before <= made.day <= datetime.now(UTC).date()
        assert made.asked == Query((QueryPart("a red thing"),))
        assert engine.marks() == [made] == engine.marks("a red thing", target="image")
        assert engine.marks("another") == [] == engine.marks(target="any")
        assert mark_as_json(made) == {
            "query": "a red thing", "target": "image", "right": True, "path": str(hit.path),
            "source": "red.png", "kind": "photo", "locator": "", "item": hit.item,
            "day": made.day.isoformat(),
        }  # fmt: skip


def test_what_is_said_again_replaces_and_can_be_taken_back(folder: Path) -> None:
    mark(folder, "red.png", right=False)
    mark(folder, "blue.png", right=True)
    mark(folder, "red.png", right=True)
    assert known(folder) == [("blue.png", True), ("red.png", True)]
    mark(folder, "red.png", right=None)
    mark(folder, "green.png", right=None)
    assert known(folder) == [("blue.png", True)]


def test_items_are_marked_by_their_numbers_too(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        for name, target in (("notes", "text"), ("red", "caption")):
            hit = found(engine, name, target)
            made = engine.mark("colours", hit.item, right=True)
            assert made is not None and (made.path, made.items) == (hit.path, (hit.item,))
            assert made.kind == hit.kind and made.locator == hit.locator


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "red.png").rename(folder / "other.png"),
        lambda folder: write_picture(folder / "red.png", "darkred"),
        lambda folder: shutil.copy(folder / "red.png", folder / "a copy.png"),
        lambda folder: run(folder, "fake:shades"),
    ],
    ids=["renamed", "edited", "copied", "another model"],
)
def test_a_mark_outlives_what_happens_to_its_file(folder: Path, change: Any) -> None:
    mark(folder, "red.png")
    change(folder)
    run(folder)
    name = "red.png" if (folder / "red.png").exists() else "other.png"
    assert known(folder) == [(name, True)]
    with cmsearch.open(folder) as engine:
        (one,) = engine.marks()
        assert one.items == (found(engine, name).item,)
        engine.mark("red", found(engine, name), right=False, target="image")
    assert known(folder) == [(name, False)]


def test_a_text_is_known_by_its_words_and_a_caption_by_its_picture(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        for name, target in (("notes", "passage"), ("red.txt", "caption")):
            assert engine.mark("colours", found(engine, name, target), right=True)
    assert known(folder) == [("notes.md:1", True), ("red.png", True)]
    (folder / "notes.md").rename(folder / "renamed.md")
    (folder / "red.png").rename(folder / "moved.png")
    (folder / "red.txt").rename(folder / "moved.txt")
    run(folder)
    with cmsearch.open(folder) as engine:
        passage, caption = engine.marks()
        assert (passage.source, len(passage.items)) == ("renamed.md:1", 1)
        assert (caption.source, caption.kind) == ("moved.png", "caption")
    (folder / "renamed.md").write_text("Green isn't one.\n")
    run(folder)
    with cmsearch.open(folder) as engine:
        assert engine.marks()[0].items == ()


def test_a_mark_of_what_is_gone_waits_for_it(folder: Path, tmp_path: Path) -> None:
    mark(folder, "red.png")
    mark(folder, "blue.png", right=False)
    shutil.move(folder / "red.png", tmp_path / "red.png")
    run(folder)
    with cmsearch.open(folder) as engine:
        gone, there = engine.marks()
        assert (gone.source, gone.items, gone.path) == ("red.png", (), folder / "red.png")
        assert there.items
    with Store(folder / DIRECTORY) as store:
        assert examine(store, samples=9) == []
    shutil.move(tmp_path / "red.png", folder / "again.png")
    run(folder)
    assert known(folder) == [("again.png", True), ("blue.png", False)]
    (folder / "again.png").unlink()
    run(folder)
    with cmsearch.open(folder) as engine:
        assert [engine.forget_missing_marks() for _ in range(2)] == [1, 0]
    assert known(folder) == [("blue.png", False)]


def test_queries_are_the_same_that_ask_the_same(folder: Path, tmp_path: Path) -> None:
    outside = shutil.copy(folder / "blue.png", tmp_path / "mine.png")
    text, picture = QueryPart("red"), QueryPart(outside, Modality.IMAGE)
    same = [
        Query((text, picture)), Query((picture, text)),
        Query((QueryPart((folder / "blue.png").read_bytes(), Modality.IMAGE), QueryPart(" red "))),
        Query((text, QueryPart(Place(folder / "blue.png"), Modality.IMAGE))),
    ]  # fmt: skip
    for one in same:
        mark(folder, "red.png", query=one)
    assert known(folder) == [("red.png", True)] == known(folder, same[0])
    others = [
        Query((text,)), Query((text, picture), (QueryPart("cat"),)),
        Query((QueryPart("red", weight=2), picture)), Query((text, QueryPart("blue", weight=-1))),
    ]  # fmt: skip
    for one in others:
        mark(folder, "red.png", query=one)
    (folder / "blue.png").rename(folder / "moved.png")
    run(folder)
    with cmsearch.open(folder) as engine:
        shown = engine.marks()
        digest = "picture "
        assert [one.query.partition(digest)[0] for one in shown] == [
            "red + ", "red", "red + ", "2:red + ", "red - blue",
        ]  # fmt: skip
        assert shown[2].query.endswith(", not cat")
        moved = QueryPart(folder / "moved.png", Modality.IMAGE)
        assert shown[0].asked == Query((QueryPart("red"), moved))
    (folder / "moved.png").unlink()
    run(folder)
    with cmsearch.open(folder) as engine:
        assert [one.asked is None for one in engine.marks()] == [True, False, True, True, False]


def test_no_file_is_asked_with_that_an_index_from_elsewhere_names(
    folder: Path, tmp_path: Path
) -> None:
    mark(folder, "red.png", query=Query((QueryPart(folder / "blue.png", Modality.IMAGE),)))
    mark(folder, "red.png")
    with Store(folder / DIRECTORY) as store:
        copying.copy(store, tmp_path / "copy")
    with cmsearch.open(tmp_path / "copy") as engine:
        assert [one.asked is None for one in engine.marks()] == [True, False]
    with cmsearch.open(tmp_path / "copy", trust=True) as engine:
        assert all(one.asked is not None for one in engine.marks())


def test_marks_are_told_part_by_part(folder: Path) -> None:
    for name in COLOURS:
        mark(folder, f"{name}.png", query=name)
    with cmsearch.open(folder) as engine:
        whole = engine.marks()
        assert [engine.marks(offset=at, limit=1) for at in range(5)] == [
            *([one] for one in whole), []
        ]  # fmt: skip
        assert (engine.count_marks(), engine.count_marks("red")) == (len(COLOURS), 1)
        assert engine.count_marks(target="any") == 0
        for wrong in ({"offset": -1}, {"offset": "1"}, {"limit": 0}, {"limit": 1.5}):
            with pytest.raises(QueryError):
                engine.marks(**wrong)


def test_marks_go_with_the_store(folder: Path, tmp_path: Path) -> None:
    mark(folder, "red.png")
    (folder / "blue.png").unlink()
    run(folder)
    with Store(folder / DIRECTORY) as store:
        compaction.compact(store)
        copying.copy(store, tmp_path / "copy")
    assert known(folder) == known(tmp_path / "copy") == [("red.png", True)]


def test_marking_waits_for_no_indexer_but_for_what_it_writes_just_now(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(folder / DIRECTORY) as store, store.locked():
        mark(folder, "red.png")
    monkeypatch.setattr(sqlite, "_WAIT", 50)
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError, match="written by another process"):
            mark(folder, "blue.png")
    assert known(folder) == [("red.png", True)]


def test_several_threads_mark_at_once(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        hits = engine.search("red", target="image")
        marked = [(str(number % 5), hit) for number in range(20) for hit in hits]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: engine.mark(one[0], one[1], right=True), marked))
        assert len(engine.marks()) == 5 * len(hits)


def test_where_nothing_can_be_written_no_mark_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(folder, "red.png")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert known(folder) == [("red.png", True)]
    with pytest.raises(StoreReadOnlyError, match="Copy it with `cmsearch copy`"):
        mark(folder, "blue.png")
    with cmsearch.open(folder) as engine, pytest.raises(StoreReadOnlyError):
        engine.forget_missing_marks()


MEANINGLESS: list[dict[str, Any]] = [
    {"query": ""}, {"query": "\ud800"}, {"query": 1}, {"query": "x" * 9000},
    {"query": Query((QueryPart("a", weight=-1),))}, {"right": 1}, {"right": "yes"},
    {"target": "nothing"}, {"target": None}, {"hit": 999}, {"hit": -1}, {"hit": 2**70},
    {"hit": "1"}, {"hit": None}, {"hit": True},
]  # fmt: skip


def test_what_cannot_be_meant_is_refused(folder: Path) -> None:
    asked: dict[str, Any] = {"query": "red", "hit": 1, "right": True, "target": "any"}
    with cmsearch.open(folder) as engine:
        for given in MEANINGLESS:
            query, hit, right, target = {**asked, **given}.values()
            with pytest.raises(QueryError):
                engine.mark(query, hit, right, target=target)
        assert engine.marks() == []


def test_a_picture_that_cannot_be_known_again_is_refused(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        for content, error in ((Path("nowhere.png"), MediaError), (object(), QueryError)):
            query = Query((QueryPart(content, Modality.IMAGE),))
            with pytest.raises(error):
                engine.mark(query, 1, right=True)


def test_a_hit_of_another_state_is_refused(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        hit = found(engine, "red.png")
        (folder / "red.png").rename(folder / "other.png")
        run(folder)
        with pytest.raises(QueryError, match="Search again"):
            engine.mark("red", hit, right=True)


def test_there_is_an_end_to_marks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_rows, "MOST", 1)
    mark(folder, "red.png")
    mark(folder, "red.png", right=False)
    with pytest.raises(QueryError, match="at most 1 marks"):
        mark(folder, "blue.png")
    assert known(folder) == [("red.png", False)]


GOOD = {
    "query": '[[["text","red",1.0,""]],[]]', "target": "image", "path": "red.png", "file": None,
    "kind": "photo", "locator": "", "item": "", "verdict": 1, "day": "2026-01-01",
}  # fmt: skip


ODD: list[dict[str, Any]] = [
    {"query": "red"}, {"query": "[" * 8000}, {"query": "[[],[]]"}, {"query": b"x"},
    {"query": "x" * 9000}, {"query": '[[["text","red",0,""]],[]]'},
    {"query": '[[["text","",1,""]],[]]'}, {"query": '[[["sound","a",1,""]],[]]'},
    {"query": '[[["text",1,1,""]],[]]'}, {"query": '[[["text","a",1e400,""]],[]]'},
    {"query": "7"}, {"verdict": 2}, {"verdict": b"1"}, {"day": "never"}, {"day": 5},
    {"path": b"\xff"}, {"file": b"7"}, {"locator": b""}, {"target": b""}, {"path": "../../etc"},
]  # fmt: skip


def test_rows_of_another_program_are_an_error(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        for odd in ODD:
            row = {**GOOD, **odd}
            names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
            with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened, opened:
                opened.execute("DELETE FROM marks")
                opened.execute(f"INSERT INTO marks ({names}) VALUES ({places})", row)
            with pytest.raises(StoreError):
                engine.marks()
        assert engine.search("red", target="image")


def test_a_query_is_shown_whatever_its_weights(folder: Path) -> None:
    parts = (QueryPart("red", weight=0.001), QueryPart(folder / "red.png", Modality.IMAGE, -0.5))
    digest = marking._digest(folder / "red.png")[:12]
    with cmsearch.open(folder) as engine:
        made = engine.mark(Query(parts), found(engine, "blue"), right=True)
        assert made is not None and made.query == f"0.001:red - 0.5:picture {digest}"
