"""The engine: directions, order, ties, exclusions, lists and errors."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from math import log
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import (
    Engine,
    Filter,
    MediaError,
    Modality,
    QueryError,
    Ranking,
    StoreError,
    StoreMismatchError,
)
from cmsearch.search.merge.evidence import HOPE, SURE
from cmsearch.search.rank.request import FEW
from cmsearch.store.store import Store
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.processes import faked

EACH = cmsearch.Ranking(fold=False)
"""Of near-duplicates each is a hit."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in three colours, two of them the same; captions, and a document."""
    place = tmp_path_factory.mktemp("engine")
    for name in ("b", "a"):
        write_picture(place / "reds" / f"{name}.png", "red")
    write_picture(place / "green.png", "green")
    write_picture(place / "blue.png", "blue")
    write_files(
        place,
        {
            "green.txt": "green green meadow\n\nthe sea is blue\n",
            "captions.jsonl": '{"image": "reds/a.png", "caption": "red"}\n',
            "note.md": "# Colours\n\nA red house. " + "green " * 20 + ".\n",
        },
    )
    faked("index", place, "--model", "fake:colours")
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def engine(folder: Path) -> Engine:
    return cmsearch.open(folder)


def test_a_text_finds_pictures_the_best_first_and_ties_by_path(
    engine: Engine, folder: Path
) -> None:
    hits = engine.search(
        "red", target="image", ranking=cmsearch.Ranking(match="picture", fold=False)
    )
    names = ["reds/a.png", "reds/b.png", "blue.png", "green.png"]
    assert [hit.path for hit in hits] == [folder / name for name in names]
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert [hit.cosine for hit in hits] == pytest.approx([1, 1, 0, 0], abs=1e-3)
    assert hits[0].score == hits[1].score > 0 > hits[2].score == hits[3].score
    assert all(hit.modality is Modality.IMAGE and hit.kind == "photo" for hit in hits)
    assert hits[0].text is None
    assert set(hits[0].stages) == {"picture", "prior"}


def test_a_picture_finds_captions_with_the_picture_they_describe(
    engine: Engine, folder: Path
) -> None:
    hit = engine.search(image=folder / "green.png", target="caption")[0]
    assert (hit.path, hit.source) == (folder / "green.png", "green.txt:1")
    assert (hit.text, hit.kind) == ("green green meadow", "caption")
    other = engine.search("sea blue", target="caption")[0]
    assert (other.path, other.source) == (folder / "green.png", "green.txt:3")


def test_a_picture_does_not_find_its_own_content(engine: Engine, folder: Path) -> None:
    data = (folder / "reds" / "a.png").read_bytes()
    for image in (folder / "reds" / "a.png", str(folder / "reds" / "b.png"), data):
        found = engine.search(image=image, target="image")
        assert {hit.path.name for hit in found} == {"green.png", "blue.png"}
    changed = Image.new("RGB", (9, 9), "red")
    assert engine.search(image=changed, target="image", k=1)[0].path.name == "a.png"


def test_captions_and_passages_are_told_apart(engine: Engine) -> None:
    assert {hit.kind for hit in engine.search("red", target="caption")} == {"caption"}
    assert {hit.kind for hit in engine.search("red", target="passage")} == {"passage"}
    assert {hit.kind for hit in engine.search("red", target="text")} == {"caption", "passage"}
    every = engine.search("red", ranking=Ranking(fold=False))
    assert {hit.kind for hit in every} == {"photo", "caption", "passage"}


def test_among_all_kinds_a_picture_with_its_captions_is_one_hit(engine: Engine) -> None:
    hits = engine.search("red", k=20)
    assert {hit.kind for hit in hits} == {"photo", "passage"}
    assert len({hit.path for hit in hits}) == len(hits)


def test_the_best_piece_of_a_long_text_counts(engine: Engine) -> None:
    """The last passage is longer than the model takes: it has several vectors, and is one hit."""
    hits = engine.search("green", target="passage")
    assert len({hit.source for hit in hits}) == len(hits)
    assert hits[0].cosine == pytest.approx(1, abs=1e-3)


def test_fewer_hits_are_the_beginning_of_more(engine: Engine) -> None:
    for target in ("any", "image", "text"):
        many = engine.search("red house", target=target, k=15)
        for k in range(1, 8):
            assert engine.search("red house", target=target, k=k) == many[:k]


def test_any_compares_the_log_odds_of_each_direction(engine: Engine) -> None:
    """A word means a kind, of which others make none less likely."""
    ranking = Ranking(match="picture", fold=False)
    hits = engine.search("red", k=20, ranking=ranking)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.modality for hit in hits} == {Modality.IMAGE, Modality.TEXT}
    for target in ("image", "text"):
        alone = engine.search("red", target=target, k=20, ranking=ranking)
        expected = {hit.item: hit.score for hit in alone}
        assert {hit.item: hit.score for hit in hits if hit.item in expected} == expected


def test_what_is_found_by_its_words_is_as_likely_as_these_are_rare(engine: Engine) -> None:
    hits = engine.search("red", k=20, ranking=EACH)
    named = [hit for hit in hits if "words" in hit.stages]
    before, rarity = log(HOPE / FEW), log(FEW / len(named)) / log(FEW)
    assert named and all(hit.score >= before + rarity * (SURE - before) - 0.2 for hit in named)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_list_gives_a_list_of_lists(engine: Engine, folder: Path) -> None:
    one, two = engine.search(["red", "blue"], target="image", k=2)
    assert one == engine.search("red", target="image", k=2)
    assert two[0].path.name == "blue.png"
    pictures = [folder / "blue.png", folder / "green.png"]
    assert [hits[0].text for hits in engine.search(image=pictures, target="caption")] == [
        "the sea is blue",
        "green green meadow",
    ]
    assert engine.search([], target="image") == []


def test_a_string_is_literal_text(engine: Engine, folder: Path) -> None:
    """Even one that is the path of a picture, or looks like a query language."""
    for text in (str(folder / "blue.png"), "red - green + 2:blue"):
        assert len(engine.search(text, target="image", ranking=EACH)) == 4


def test_embed_gives_unit_rows(engine: Engine, folder: Path) -> None:
    vectors = engine.embed(["red", "word " * 40])
    assert vectors.shape == (2, engine.space.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    assert engine.embed(image=folder / "blue.png").shape == (1, engine.space.dim)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"query": " "}, "empty"),
        ({}, "one of the three"),
        ({"query": "x", "image": "x"}, "one of the three"),
        ({"query": "x", "target": "smell"}, "passage"),
        ({"query": "x", "k": 0}, "at least 1"),
        ({"query": [1]}, "not int"),
        ({"query": b"red"}, "not bytes"),
        ({"query": "\udcff"}, "Unicode"),
        ({"query": "x", "k": 2.5}, "at least 1"),
        ({"query": "x", "where": {"path": "*"}}, "cmsearch.Filter"),
        ({"query": "x", "where": Filter(since="2024-01-01")}, "since is a date"),
        ({"query": "x", "where": Filter(near=(1, 2))}, "kilometres"),
        ({"image": 5}, "not int"),
    ],
)
def test_bad_queries_are_errors(engine: Engine, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        engine.search(**arguments)  # type: ignore[call-overload]


def test_pictures_that_cannot_be_read_are_errors(engine: Engine, folder: Path) -> None:
    with pytest.raises(MediaError, match=r"no\.jpg.*No such file"):
        engine.search(image="no.jpg")
    with pytest.raises(MediaError, match=r"note\.md.*not a picture"):
        engine.search(image=folder / "note.md")


def test_an_open_engine_sees_what_is_indexed_later(
    engine: Engine, folder: Path, fake_model: str
) -> None:
    assert len(engine.search("red", target="image", ranking=EACH)) == 4
    write_picture(folder / "new.png", "red")
    (folder / "reds" / "a.png").unlink()
    Indexer(folder, model=fake_model).run()
    names = [hit.path.name for hit in engine.search("red", target="image", ranking=EACH)]
    assert names == ["new.png", "b.png", "blue.png", "green.png"]
    assert "red" not in {hit.text for hit in engine.search("red", target="caption")}


def test_threads_get_the_same_answers(engine: Engine) -> None:
    expected = {query: engine.search(query) for query in ("red", "green", "blue sea")}
    with ThreadPoolExecutor(8) as pool:
        jobs = [(query, pool.submit(engine.search, query)) for query in list(expected) * 20]
        assert all(job.result() == expected[query] for query, job in jobs)


def test_another_model_is_refused(folder: Path, fake_model: str) -> None:
    with pytest.raises(StoreMismatchError, match="have both"):
        cmsearch.open(folder, model="lite")
    with cmsearch.open(folder, model=fake_model) as engine:
        assert engine.search("red", k=1)


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    Store(tmp_path / ".cmsearch", tmp_path).close()
    with pytest.raises(StoreError, match="Nothing is indexed"):
        cmsearch.open(tmp_path)


def test_a_folder_without_pictures_finds_no_pictures(tmp_path: Path, fake_model: str) -> None:
    write_files(tmp_path, {"a.txt": "red"})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        assert engine.search("red", target="image") == []
        assert len(engine.search("red")) == 1


def test_a_day_may_be_given_with_its_time(engine: Engine) -> None:
    now = datetime.now()
    days = Filter(since=now - timedelta(days=1), until=now)  # the files may be of yesterday
    assert len(engine.search("red", target="image", where=days, ranking=EACH)) == 4


def test_an_open_picture_is_searched_like_its_file(engine: Engine, tmp_path: Path) -> None:
    """Transparent, and to be turned."""
    pixels = np.zeros((30, 60, 4), np.uint8)
    pixels[:, :20] = (255, 0, 0, 255)
    path = tmp_path / "clear.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(path) as opened:
        assert engine.embed(image=opened) == pytest.approx(engine.embed(image=path))


def test_an_engine_survives_that_its_process_goes_elsewhere(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with cmsearch.open(folder.name) as engine:
        monkeypatch.chdir("/")
        assert engine.search("blue", target="image", k=1)[0].path == folder / "blue.png"


def test_a_closed_engine_says_so(engine: Engine) -> None:
    engine.close()
    with pytest.raises(StoreError, match="closed"):
        engine.search("red")


@pytest.mark.parametrize("budget", [None, 60.0])
def test_a_model_of_its_own_can_rerank(
    engine: Engine, tmp_path: Path, budget: float | None
) -> None:
    from tests.blips import write_blip

    blip = write_blip(tmp_path / "blip")
    ranking = cmsearch.Ranking(rerank=f"itm:{blip}", match="picture", budget=budget)
    hits = engine.search("red", target="image", ranking=ranking)
    assert all(set(hit.stages) == {"picture", "itm", "prior"} for hit in hits)
    assert [hit.score for hit in hits] == pytest.approx(
        [sum(hit.stages.values()) for hit in hits], abs=1e-5
    )
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_stage_that_cannot_be_done_in_time_is_not_begun(engine: Engine) -> None:
    for budget, ran in ((1e-9, False), (60.0, True)):
        ranking = cmsearch.Ranking(rerank="attention", match="picture", budget=budget)
        hits = engine.search("red", target="image", ranking=ranking)
        assert all(("attention" in hit.stages) is ran for hit in hits)
