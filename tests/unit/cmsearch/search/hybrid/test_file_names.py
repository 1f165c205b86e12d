"""A query that is a file's name finds that file first, whatever it shows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import cmsearch
from cmsearch import Engine, Filter
from cmsearch.search.hybrid.file_names import among, parsed
from cmsearch.search.query.grammar import parse
from cmsearch.store.catalog import files
from cmsearch.types import Query, QueryPart
from indexer import Indexer
from tests.builders import write_files, write_picture

NAMES = (
    *(f"IMG_{number:04}.JPG" for number in range(40)),
    *("2023/IMG_0007.JPG", "2024/IMG_0007.JPG", "2024/IMG_0008.png", "IMG_0033 - Copy.JPG"),
    *("IMG-20230704-WA0012.jpg", "IMG-20230704-WA0013.jpg", "PXL_20230704_101112345.jpg"),
    *("Screenshot_2023-07-04-10-11-12.png", "signal-2023-07-04-101112.jpeg"),
    *("Summer in Faro 2.jpg", "holiday.2023.final.jpg", "Ausflüge/Café Müller.jpg", "犬.jpg"),
    *("100% wool_socks.jpg", "notes/IMG_0007.txt"),
)


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    folder = tmp_path / "named"
    for place, name in enumerate(NAMES):
        if name.endswith(".txt"):
            write_files(folder, {name: "A text about something else.\n"})
        else:
            write_picture(folder / name, f"rgb({place}, {40 + 3 * place}, {255 - 4 * place})")
    Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as opened:
        yield opened


def found(engine: Engine, query: str | Query, **options: object) -> list[str]:
    hits = engine.search(query, ranking=cmsearch.Ranking(fold=False), **options)  # type: ignore[arg-type]
    return [hit.path.relative_to(engine.store.root).as_posix() for hit in hits]


def test_a_name_finds_its_file(engine: Engine) -> None:
    for name in (name for name in NAMES if "IMG_0007" not in name):
        for text in (name, name.lower(), f" {unicodedata.normalize('NFD', name.upper())}"):
            assert found(engine, parse(text), k=1) == [name]


def test_a_name_in_a_folder_finds_that_one_first(engine: Engine) -> None:
    three = {"IMG_0007.JPG", "2023/IMG_0007.JPG", "2024/IMG_0007.JPG"}
    for target in ("any", "image"):
        assert set(found(engine, "IMG_0007.JPG", target=target, k=3)) == three
        for folder in ("2023/", "2024/"):
            name = f"{folder}IMG_0007.JPG"
            assert found(engine, name, target=target, k=1) == [name]
            assert found(engine, f"{folder}IMG_0007", target=target, k=1) == [name]


def test_a_path_of_any_system_finds_its_file(engine: Engine) -> None:
    root = engine.store.root
    for text in ("./2024/img_0007.jpg", "2024\\IMG_0007.JPG", str(root / "2024/IMG_0007.JPG")):
        assert found(engine, text, k=1) == ["2024/IMG_0007.JPG"]


def test_texts_are_found_too_and_other_suffixes_come_after(engine: Engine) -> None:
    assert found(engine, "IMG_0007.txt", k=1) == ["notes/IMG_0007.txt"]
    assert found(engine, "IMG_0007.txt", target="passage", k=1) == ["notes/IMG_0007.txt"]
    assert found(engine, "IMG_0012.HEIC", k=1) == ["IMG_0012.JPG"]


def test_what_was_named_is_relevant_and_first_by_its_score(engine: Engine) -> None:
    hits = engine.search("IMG_0012.JPG", k=5)
    assert hits[0].source == "IMG_0012.JPG"
    assert hits[0].relevance > 0.98
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1]


def test_parts_of_a_name_find_it(engine: Engine) -> None:
    assert found(engine, "WA0012", k=1) == ["IMG-20230704-WA0012.jpg"]
    assert found(engine, "20230704_101112345", k=1) == ["PXL_20230704_101112345.jpg"]
    assert found(engine, "screenshot 2023-07-04", k=1) == ["Screenshot_2023-07-04-10-11-12.png"]
    assert found(engine, "signal 101112", k=1) == ["signal-2023-07-04-101112.jpeg"]


def test_filters_and_what_is_barred_hold(engine: Engine) -> None:
    assert "IMG_0007.JPG" not in found(engine, "IMG_0007.JPG", where=Filter(path="2024/*"))
    assert found(engine, "IMG_0007.JPG", where=Filter(until=date(1990, 1, 1))) == []
    away = Query((QueryPart("IMG_0012.JPG"),), without=(QueryPart("0012"),))
    assert "IMG_0012.JPG" not in found(engine, away)
    by_look = cmsearch.Ranking(match="picture", fold=False)
    assert "words" not in engine.search("IMG_0012.JPG", ranking=by_look)[0].stages


def test_what_only_looks_like_a_name_changes_nothing(engine: Engine) -> None:
    for text in (
        "node.js",
        "IMG_0007.JPG.",
        "a dog",
        "%.jpg",
        "_",
        "IMG_",
        ".jpg",
        "/",
        "//",
        "a/",
    ):
        name = parsed(text)
        known = files.paths_with(engine.store.catalog, name.stem) if name else []
        assert name is None or not among(name, known)
        assert len(engine.search(text)) > 0


def test_names_agree_from_their_end_as_far_as_both_go() -> None:
    paths = ["b/IMG.jpg", "a/b/IMG.jpg", "c/IMG.jpg", "IMG.png", "IMG2.jpg"]
    assert list(among(parsed("b/img.JPG"), paths)) == ["a/b/IMG.jpg", "b/IMG.jpg", "IMG.png"]
    every = ["IMG.png", "a/b/IMG.jpg", "b/IMG.jpg", "c/IMG.jpg"]
    assert list(among(parsed("img"), paths)) == every
