"""Pages: cut from one search, right while the index changes, and forgotten in time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch import Engine, Filter, QueryError, Ranking
from cmsearch.errors import CursorError
from cmsearch.search import pages as pages_module
from cmsearch.search.pages import UNUSED, Page, PageRequest, Pages
from indexer import Indexer
from tests.builders import write_files, write_scene
from tests.processes import faked

PICTURES = 24


class Clock:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that are unlike each other, half of them with a caption."""
    place = tmp_path_factory.mktemp("pages")
    for number in range(PICTURES):
        write_scene(place / f"p{number:02}.png", number)
    write_files(
        place,
        {
            "captions.jsonl": "".join(
                f'{{"image": "p{number:02}.png", "caption": "red thing {number}"}}\n'
                for number in range(0, PICTURES, 2)
            ),
            "note.md": "A red house.\n",
        },
    )
    faked("index", place, "--model", "fake:colours", "--asr", "none")
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


def run(folder: Path, model: str = "fake:colours") -> None:
    Indexer(folder, model=model, asr="none", ocr="none").run()


@pytest.fixture
def engine(folder: Path) -> Engine:
    return cmsearch.open(folder)


@pytest.fixture
def pages() -> Pages:
    return Pages(Clock())


def request(engine: Engine, text: str = "red", **changes: Any) -> PageRequest:
    return replace(PageRequest(engine.encode([text])[0], size=5), **changes)


def rest(pages: Pages, page: Page) -> list[Page]:
    """The pages after one."""
    found = []
    while page.cursor is not None:
        page = pages.next(page.cursor)
        found.append(page)
    return found


def names(*some: Page) -> list[str]:
    return [hit.path.name for page in some for hit in page.hits]


@pytest.mark.parametrize("target", ["any", "image", "text"])
def test_pages_are_a_long_list_in_pieces(engine: Engine, pages: Pages, target: str) -> None:
    first = pages.first(engine, request(engine, target=target))
    found = [first, *rest(pages, first)]
    whole = engine.search("red", target=target, k=100)
    assert [hit for page in found for hit in page.hits] == whole
    assert [page.offset for page in found] == list(range(0, len(whole), 5))
    assert [page.total for page in found] == [None] * (len(found) - 1) + [len(whole)]
    assert list(first.hits) == engine.search("red", target=target, k=5)


def test_later_pages_are_cut_from_one_search(
    engine: Engine, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths = []
    search = engine.search

    def counted(*asked: Any, k: int, **options: Any) -> Any:
        depths.append(k)
        return search(*asked, k=k, **options)

    monkeypatch.setattr(engine, "search", counted)
    rest(pages, pages.first(engine, request(engine)))
    assert depths == [6, pages_module.AHEAD + 1]


def test_a_cursor_may_be_used_again(engine: Engine, pages: Pages) -> None:
    first = pages.first(engine, request(engine))
    assert first.cursor
    second, again = pages.next(first.cursor), pages.next(first.cursor)
    assert second.hits == again.hits and second.cursor != again.cursor
    assert names(*rest(pages, second)) == names(*rest(pages, again))


def test_what_is_deleted_vanishes_and_what_moves_comes_once(
    folder: Path, engine: Engine, pages: Pages
) -> None:
    first = pages.first(engine, request(engine, target="image"))
    second = pages.next(first.cursor or "")
    coming = [hit.path.name for hit in engine.search("red", target="image", k=100)[10:]]
    (folder / coming[0]).unlink()
    for number, old in enumerate([coming[3], first.hits[0].path.name, second.hits[2].path.name]):
        (folder / old).rename(folder / f"moved{number}.png")
    run(folder)
    found = names(*rest(pages, second))
    assert coming[0] not in found and "moved0.png" in found
    assert not {"moved1.png", "moved2.png"} & set(found)
    assert len(set(found)) == len(found) == PICTURES - 10 - 1


def test_a_name_comes_once_whatever_it_is_of(folder: Path, engine: Engine, pages: Pages) -> None:
    first = pages.first(engine, request(engine, target="image"))
    given, other = first.hits[0].path, folder / "x.png"
    coming = engine.search("red", target="image", k=100)[-1].path
    given.rename(other)
    coming.rename(given)
    other.rename(coming)
    write_scene(first.hits[1].path, 99)
    run(folder)
    found = names(first, *rest(pages, first))
    assert len(set(found)) == len(found) == PICTURES


@pytest.mark.parametrize("target", ["any", "text"])
def test_what_is_written_anew_is_the_same(
    folder: Path, engine: Engine, pages: Pages, target: str
) -> None:
    first = pages.first(engine, request(engine, target=target))
    captions = folder / "captions.jsonl"
    captions.write_text('{"image": "p01.png", "caption": "red new"}\n' + captions.read_text())
    run(folder)
    found = [hit.text or hit.path.name for page in rest(pages, first) for hit in page.hits]
    given = {hit.text or hit.path.name for hit in first.hits}
    assert not given & set(found) and len(set(found)) == len(found)
    if target == "text":
        assert "red new" in found and len(found) == PICTURES // 2 + 2 - 5


def test_a_file_that_is_deleted_and_comes_back_was_given(
    folder: Path, engine: Engine, pages: Pages
) -> None:
    first = pages.first(engine, request(engine, target="image"))
    given = first.hits[1].path
    kept = given.read_bytes()
    given.unlink()
    run(folder)
    write_scene(folder / "new.png", 99)  # it gets the number that is free
    given.write_bytes(kept)
    run(folder)
    found = names(*rest(pages, first))
    assert given.name not in found and "new.png" in found


def test_copies_were_given_with_what_they_are_folded_into(
    folder: Path, engine: Engine, pages: Pages
) -> None:
    (folder / "copy.png").write_bytes((folder / "p03.png").read_bytes())
    run(folder)
    found = engine.search("red", target="image", k=100)
    (folded,) = (hit for hit in found if hit.copies)
    first = pages.first(engine, request(engine, target="image", size=folded.rank))
    folded.path.unlink()
    run(folder)
    assert not {"copy.png", "p03.png"} & set(names(*rest(pages, first)))


def test_a_copy_that_comes_later_is_told(folder: Path, engine: Engine, pages: Pages) -> None:
    first = pages.first(engine, request(engine, target="image"))
    (folder / "z.png").write_bytes(first.hits[0].path.read_bytes())
    run(folder)
    assert "z.png" in names(*rest(pages, first))


def test_relevance_falls_over_the_pages(engine: Engine, pages: Pages) -> None:
    first = pages.first(engine, request(engine))
    hits = [hit for page in (first, *rest(pages, first)) for hit in page.hits]
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert all(one.score >= two.score for one, two in pairwise(hits))


def test_filters_and_rankings_stay(engine: Engine, pages: Pages) -> None:
    asked = request(
        engine, where=Filter(path="p0*"), ranking=Ranking(diverse=True, fold=False), target="image"
    )
    first = pages.first(engine, asked)
    found = names(first, *rest(pages, first))
    assert sorted(found) == [f"p0{number}.png" for number in range(10)]


def test_few_hits_are_one_page(engine: Engine, pages: Pages) -> None:
    page = pages.first(engine, request(engine, where=Filter(path="p00.png"), target="image"))
    assert names(page) == ["p00.png"] and page.cursor is None and page.total == 1
    none = pages.first(engine, request(engine, where=Filter(path="none/*")))
    assert none.hits == () and none.cursor is None and none.total == 0


def test_no_more_than_so_many_hits_are_given(
    engine: Engine, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_module, "MOST_HITS", 12)
    first = pages.first(engine, request(engine))
    assert len(names(first, *rest(pages, first))) == 12


def test_another_model_goes_on_without_what_was_given(
    folder: Path, engine: Engine, pages: Pages
) -> None:
    first = pages.first(engine, request(engine, target="image"))
    second = pages.next(first.cursor or "")
    run(folder, "fake:shades")
    assert engine.space.model == "shades"
    found = names(first, second, *rest(pages, second))
    assert len(set(found)) == len(found) == PICTURES


def test_a_cursor_is_of_one_engine(folder: Path, engine: Engine, pages: Pages) -> None:
    cursor = pages.first(engine, request(engine)).cursor or ""
    with cmsearch.open(folder) as other, pytest.raises(CursorError, match="search again"):
        pages.next(cursor, other)
    page = pages.next(cursor, engine)
    assert page.engine is engine and page.offset == 5


def test_cursors_are_forgotten(engine: Engine) -> None:
    clock = Clock()
    pages = Pages(clock)
    used, unused = (pages.first(engine, request(engine)).cursor or "" for _ in range(2))
    clock.now += UNUSED - 1
    pages.next(used)
    clock.now += 2
    pages.next(used)
    with pytest.raises(CursorError, match="search again"):
        pages.next(unused)
    pages.forget(engine)
    assert len(pages) == 0


def test_few_cursors_are_kept_and_little_of_what_is_asked_with(
    engine: Engine, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_module, "MOST_CURSORS", 3)
    found = [pages.first(engine, request(engine)).cursor or "" for _ in range(5)]
    assert len(pages) == 3
    with pytest.raises(CursorError, match="search again"):
        pages.next(found[1])
    monkeypatch.setattr(pages_module, "MOST_BYTES", 70_000)
    pages.first(engine, request(engine, "red " * 5000))
    assert len(pages) == 2
    pages.forget(engine)
    pages.first(engine, request(engine))
    assert len(pages) == 1


@pytest.mark.parametrize("cursor", ["", "x" * 32, None, 5, b"x", "\ud800", "../.."])
def test_what_is_no_cursor_is_an_error_of_the_query(pages: Pages, cursor: Any) -> None:
    with pytest.raises(CursorError, match="search again"):
        pages.next(cursor)


@pytest.mark.parametrize("size", [0, -1, 1001, "5"])
def test_a_page_has_a_size(engine: Engine, pages: Pages, size: Any) -> None:
    with pytest.raises(QueryError):
        pages.first(engine, request(engine, size=size))
