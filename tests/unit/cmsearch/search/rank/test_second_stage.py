"""The second stage: what runs, what it adds, how deep it looks, and what it leaves alone."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Filter, Hit, Modality, QueryError, StoreError
from cmsearch.models.encoders.words import PROMPT
from cmsearch.search.query import background_captions
from cmsearch.search.rank import stages as tables
from cmsearch.search.rank.attention import attend
from cmsearch.search.rank.second_stage import Ranking, stages
from cmsearch.search.rank.stages import UNMEASURED, Attention, Hubness, StageSettings
from cmsearch.store.catalog import items
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.types import Encoding, Role
from indexer import Indexer
from tests.builders import remove, write_files
from tests.fakes import FakeEncoder
from tests.mosaics import chance, mosaic, write_mosaics
from tests.processes import faked

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
PICTURES = {
    "a-yellow.png": "yyyyyyyyy",
    "b-halves.png": "rrrrygggg",  # as a whole it points where yellow does
    "c-red.png": "rrrrrrrrr",
    "d-green.png": "ggggggggg",
    "e-blue.png": "bbbbbbbbb",
    **chance(24),
}
CAPTIONS = "red house\n\ngreen green tree\n\nblue sea\n\nred and green\n\nan old dog\n"
ATTENTION, HUBNESS = Attention(0.7, 0.03), Hubness(0.75, 4)
TABLE = {(TEXT, IMAGE): StageSettings(ATTENTION), (IMAGE, TEXT): StageSettings(None, HUBNESS)}
LOOK = Ranking(match="picture", fold=False)
"""As it is by default, but for captions and words."""
PLAIN = Ranking("none", match="picture", fold=False)


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fake encoder have what `lite` has."""
    monkeypatch.setattr(tables, "MEASURED", {"fake": TABLE})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stages")
    write_mosaics(place, PICTURES)
    write_files(place, {"a-yellow.txt": CAPTIONS, "e-blue.txt": "blue\n\nred sea\n"})
    faked("index", place, "--model", "fake:colours")
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with cmsearch.open(folder) as engine:
        yield engine


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.source for hit in hits]


def encoded(content: Any, modality: Modality) -> Encoding:
    encoder = FakeEncoder()
    return encoder.encode([encoder.prepare(content, modality)], modality, Role.DOCUMENT)


def attended(text: str, cells: str, prompt: float = 0.0) -> float:
    """Computed from the picture itself, not from what the store has."""
    query, item = encoded(text, TEXT), encoded(mosaic(cells), IMAGE)
    words, tokens = query.tokens, item.tokens
    assert words is not None and tokens is not None
    own = words[0] - prompt * encoded(PROMPT, TEXT).vectors[0]
    ones = np.ones(len(tokens[0]), np.float32)
    return float(attend((own, np.ones(len(own), np.float32)), [(tokens[0], ones)], 0.03)[0])


def evidence_of(raw: Sequence[float], shown: Sequence[float]) -> float:
    """The log-odds that 1 of what a stage says is worth: shown is how an item differs by it."""
    slope, start = np.polyfit(raw, shown, 1)
    np.testing.assert_allclose(shown, slope * np.array(raw) + start, atol=0.02 * slope)
    assert slope > 0
    assert np.mean(shown) == pytest.approx(0, abs=1e-4)
    return float(slope)


# --- what runs ---


def test_what_runs_is_what_was_measured_unless_it_is_named() -> None:
    def run(*changes: Any, query: Modality = TEXT, target: Modality = IMAGE) -> StageSettings:
        return stages(Ranking(*changes), TABLE, query, target)

    assert run() == StageSettings(ATTENTION)
    assert run(query=IMAGE, target=TEXT) == StageSettings(None, HUBNESS)
    assert run(query=IMAGE, target=IMAGE) == run(query=TEXT, target=TEXT) == StageSettings()
    assert run("none") == StageSettings()
    assert run("none", query=IMAGE, target=TEXT) == StageSettings(None, HUBNESS)
    assert run("auto", 100, False, query=IMAGE, target=TEXT) == StageSettings()
    assert run("attention") == StageSettings(ATTENTION)
    assert run("attention", query=TEXT, target=TEXT) == StageSettings(UNMEASURED)
    assert run("attention", query=IMAGE, target=TEXT) == StageSettings(UNMEASURED, HUBNESS)
    assert stages(Ranking(), {}, TEXT, IMAGE) == StageSettings()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Ranking("nonsense"), "no reranker 'nonsense'.*attention"),
        (Ranking(""), "no reranker ''"),
        (Ranking(match="nonsense"), "no match 'nonsense'.*all, picture, caption, words"),
    ],
)
def test_names_that_are_not_known_are_errors(engine: Engine, wrong: Ranking, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        engine.search("red", ranking=wrong)
    with pytest.raises(QueryError, match=said):
        engine.search(image=mosaic("r" * 9), ranking=wrong)


def test_none_is_the_first_stage(engine: Engine) -> None:
    found = engine.search("red green", target="image", k=40, ranking=PLAIN)
    assert all(set(hit.stages) == {"picture", "prior"} for hit in found)
    assert names(found)[:2] == ["a-yellow.png", "b-halves.png"]  # a tie, by path
    captions = engine.search(
        image=mosaic("r" * 9), target="text", k=40, ranking=replace(PLAIN, correct=False)
    )
    assert all(set(hit.stages) == {"picture", "prior"} for hit in captions)


# --- what it adds ---


@pytest.mark.parametrize("text", ["red", "red green", "the green sea", "old blue red " * 8])
def test_attention_is_that_of_the_words_to_the_cells(engine: Engine, text: str) -> None:
    """The last text is of several pieces, whose words all attend."""
    hits = engine.search(text, target="image", k=40, ranking=LOOK)
    assert len(hits) == len(PICTURES)
    raw = [ATTENTION.share * attended(text, PICTURES[hit.source]) for hit in hits]
    evidence_of(raw, [hit.stages["attention"] for hit in hits])
    for hit in hits:
        assert hit.score == pytest.approx(sum(hit.stages.values()), abs=2e-6)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_what_all_texts_have_in_common_is_taken_from_a_text_and_its_words(engine: Engine) -> None:
    look = replace(LOOK, stages=StageSettings(Attention(0.7, 0.03, prompt=0.5, bank=0.25)))
    usual = background_captions.encoded(FakeEncoder()).mean(0)
    hits = engine.search("red sea", target="image", k=40, ranking=look)
    assert len(hits) == len(PICTURES)
    raw = []
    for cells in (PICTURES[hit.source] for hit in hits):
        common = float(encoded(mosaic(cells), IMAGE).vectors[0] @ usual)
        raw.append(0.7 * attended("red sea", cells, 0.5) - 0.25 * common)
    evidence_of(raw, [hit.stages["attention"] for hit in hits])
    pictures = engine.search(image=mosaic("r" * 9), target="image", k=40, ranking=look)
    plain = replace(look, stages=StageSettings(Attention(0.7, 0.03)))
    assert pictures == engine.search(image=mosaic("r" * 9), target="image", k=40, ranking=plain)


def test_attention_tells_apart_what_one_vector_does_not(engine: Engine) -> None:
    hits = engine.search("red green", target="image", k=40, ranking=LOOK)
    halves, yellow = (hits[names(hits).index(name)] for name in ("b-halves.png", "a-yellow.png"))
    assert halves.cosine == yellow.cosine
    assert halves.stages["attention"] > yellow.stages["attention"] + 0.1
    assert halves.rank == 1 < yellow.rank


def test_words_are_asked_for_where_queries_come_without(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two-tower encoders give a text's tokens to documents alone."""
    expected = engine.search("old blue red " * 8, target="image", ranking=LOOK)

    def encode(self: FakeEncoder, batch: Any, modality: Modality, role: Role) -> Encoding:
        found = whole(self, batch, modality, role)
        return found if role is Role.DOCUMENT else replace(found, tokens=None, weights=None)

    whole = FakeEncoder.encode
    monkeypatch.setattr(FakeEncoder, "encode", encode)
    assert engine.search("old blue red " * 8, target="image", ranking=LOOK) == expected


def test_an_encoder_without_tokens_is_not_reranked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = engine.search("red green", target="image", ranking=PLAIN)
    whole = FakeEncoder.encode
    monkeypatch.setattr(
        FakeEncoder,
        "encode",
        lambda *arguments: replace(whole(*arguments), tokens=None, weights=None),
    )
    assert engine.search("red green", target="image", ranking=LOOK) == plain


def test_items_without_tokens_keep_their_cosine(
    engine: Engine, folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have been imported, or indexed by an earlier version of the encoder."""
    whole = FakeEncoder.encode
    with monkeypatch.context() as patch:
        patch.setattr(
            FakeEncoder,
            "encode",
            lambda *arguments: replace(whole(*arguments), tokens=None, weights=None),
        )
        write_mosaics(folder, {"z.png": "rrrrrrrgg"})
        Indexer(folder, model=fake_model).run()
    hits = engine.search("red", target="image", k=40, ranking=LOOK)
    (bare,) = (hit for hit in hits if hit.source == "z.png")
    others = [hit for hit in hits if hit is not bare]
    raw = [ATTENTION.share * attended("red", PICTURES[hit.source]) for hit in others]
    evidence_of(raw, [hit.stages["attention"] for hit in others])
    assert "attention" not in bare.stages
    assert len(hits) == len(PICTURES) + 1


def bias(caption: str, bank: Sequence[str]) -> float:
    """The mean of the four best cosines of a caption to pictures."""
    vector = encoded(caption, TEXT).vectors[0]
    cosines = [float(encoded(mosaic(cells), IMAGE).vectors[0] @ vector) for cells in bank]
    return float(np.mean(sorted(cosines)[-HUBNESS.k :]))


def test_hubness_is_taken_away_by_the_stores_other_pictures(engine: Engine, folder: Path) -> None:
    """The query's own picture is not among those that it is corrected with."""
    for name in ("e-blue.png", "c-red.png"):
        bank = [cells for path, cells in PICTURES.items() if path != name]
        hits = engine.search(image=folder / name, target="caption", k=20)
        assert len(hits) == 7
        raw = [-HUBNESS.strength * bias(str(hit.text), bank) for hit in hits]
        evidence_of(raw, [hit.stages["hubness"] for hit in hits])
        for hit in hits:
            assert hit.score == pytest.approx(sum(hit.stages.values()), abs=2e-6)
    with_itself = bias("blue", list(PICTURES.values()))
    without = bias("blue", [cells for path, cells in PICTURES.items() if path != "e-blue.png"])
    assert with_itself - without > 0.05  # so that the test could fail


def test_copies_of_the_querys_picture_are_not_in_the_bank_either(
    engine: Engine, folder: Path, fake_model: str
) -> None:
    before = engine.search(image=folder / "e-blue.png", target="caption")
    (folder / "copy.png").write_bytes((folder / "e-blue.png").read_bytes())
    Indexer(folder, model=fake_model).run()
    assert engine.search(image=folder / "e-blue.png", target="caption") == before


def test_without_correction_there_is_none(engine: Engine, folder: Path) -> None:
    wanted = Ranking(correct=False)
    hits = engine.search(image=folder / "c-red.png", target="caption", ranking=wanted)
    assert hits and all(set(hit.stages) == {"picture", "prior"} for hit in hits)


# --- how deep it looks ---


@pytest.mark.parametrize("depth", [1, 3, 10, 28, 29, 1000])
@pytest.mark.parametrize("text", ["red", "red green", "green sea"])
def test_beyond_the_depth_the_first_order_stays(engine: Engine, text: str, depth: int) -> None:
    plain = engine.search(text, target="image", k=40, ranking=PLAIN)
    hits = engine.search(text, target="image", k=40, ranking=replace(LOOK, depth=depth))
    assert set(names(hits[:depth])) == set(names(plain[:depth]))
    assert names(hits[depth:]) == names(plain[depth:])
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert all("attention" in hit.stages for hit in hits[:depth])
    assert all(set(hit.stages) == {"picture", "prior"} for hit in hits[depth:])


def test_the_depth_decides_however_few_are_asked_for(engine: Engine) -> None:
    for depth in (3, 10, 100):
        wanted = replace(LOOK, depth=depth)
        many = engine.search("red green", target="image", k=40, ranking=wanted)
        for k in (1, 2, 5, 20, 29):
            assert engine.search("red green", target="image", k=k, ranking=wanted) == many[:k]


def test_a_filter_leaves_the_depth_to_what_passes_it(engine: Engine) -> None:
    wanted, where = replace(LOOK, depth=6), Filter(path="chance/*")
    plain = engine.search("red green", target="image", k=40, where=where, ranking=PLAIN)
    hits = engine.search("red green", target="image", k=40, where=where, ranking=wanted)
    assert len(hits) == 24 and all(name.startswith("chance/") for name in names(hits))
    assert set(names(hits[:6])) == set(names(plain[:6]))
    assert [("attention" in hit.stages) for hit in hits] == [True] * 6 + [False] * 18
    assert engine.search("red", where=Filter(path="nowhere/*"), ranking=wanted) == []


def test_what_is_corrected_stays_before_what_is_not(engine: Engine, folder: Path) -> None:
    """A correction may take the last that it looks at below the first that it doesn't."""
    pictures = ("c-red.png", "d-green.png", "e-blue.png")
    for name, depth in product(pictures, range(1, 8)):
        search = {"image": folder / name, "target": "caption", "k": 20}
        plain = engine.search(**search, ranking=Ranking(correct=False))
        hits = engine.search(**search, ranking=Ranking(depth=depth))
        assert set(names(hits[:depth])) == set(names(plain[:depth]))
        assert names(hits[depth:]) == names(plain[depth:])
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("depth", [0, -1, 2.5, "10"])
def test_a_depth_is_a_whole_number_above_0(engine: Engine, depth: Any) -> None:
    with pytest.raises(QueryError, match="depth"):
        engine.search("red", ranking=Ranking(depth=depth))


def test_a_ranking_is_a_ranking(engine: Engine) -> None:
    with pytest.raises(QueryError, match="Ranking"):
        engine.search("red", ranking="none")  # type: ignore[call-overload]


# --- several directions, none, and ties ---


@pytest.mark.parametrize("text", ["red", "red green", "green sea"])
def test_merging_keeps_the_order_of_each_direction(engine: Engine, text: str) -> None:
    """Also of those whose cosines are the same, which are told apart by their tokens alone."""
    merged = engine.search(text, k=60, ranking=LOOK)
    scores = [hit.score for hit in merged]
    assert scores == sorted(scores, reverse=True)
    for target, modality in (("image", IMAGE), ("text", TEXT)):
        alone = engine.search(text, target=target, k=60, ranking=LOOK)
        assert names([hit for hit in merged if hit.modality is modality]) == names(alone)


def test_fewer_of_several_directions_are_the_beginning_of_more(engine: Engine) -> None:
    for text in ("red", "red green", "green sea", "blue dog"):
        many = engine.search(text, k=60, ranking=LOOK)
        for k in (1, 2, 5, 9, 20):
            assert engine.search(text, k=k, ranking=LOOK) == many[:k]


def test_a_store_of_one_modality_is_reranked(tmp_path: Path, fake_model: str) -> None:
    write_mosaics(tmp_path / "pictures", PICTURES)
    write_files(tmp_path / "texts", {"a.txt": "red\n", "b.txt": "green\n"})
    for name in ("pictures", "texts"):
        Indexer(tmp_path / name, model=fake_model).run()
    with cmsearch.open(tmp_path / "pictures") as engine:
        assert engine.search("red", target="text") == []
        assert engine.search(image=mosaic("r" * 9), target="text") == []
        assert engine.search("red green", k=40, ranking=LOOK)[0].source == "b-halves.png"
    with cmsearch.open(tmp_path / "texts") as engine:
        assert engine.search("red", target="image") == []
        hits = engine.search(image=mosaic("r" * 9))  # there is no bank of pictures
        assert names(hits) == ["a.txt:1", "b.txt:1"]
        assert [hit.stages["hubness"] for hit in hits] == [0, 0]


def test_a_reranker_that_is_not_known_is_an_error_where_nothing_is_searched(
    tmp_path: Path, fake_model: str
) -> None:
    write_files(tmp_path, {"a.txt": "red\n"})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine, pytest.raises(QueryError, match="nonsense"):
        engine.search("red", target="image", ranking=Ranking("nonsense"))


def test_ties_are_by_path_whatever_the_order_of_indexing(tmp_path: Path, fake_model: str) -> None:
    copies = {f"{name}.png": "rrrrygggg" for name in "dbeac"}
    orders = [list(copies), sorted(copies), sorted(copies, reverse=True)]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        for name in order:
            write_mosaics(folder, {name: copies[name], f"other-{name}": "b" * 9})
            Indexer(folder, model=fake_model).run()
        with cmsearch.open(folder) as engine:
            for wanted in (LOOK, replace(LOOK, depth=3), Ranking(fold=False)):
                hits = engine.search("red green", target="image", k=5, ranking=wanted)
                assert names(hits) == sorted(copies)
            hits = engine.search(image=mosaic("rrrrggggg"), k=5, ranking=Ranking(fold=False))
            assert names(hits) == sorted(copies)


def test_a_list_is_answered_one_by_one(engine: Engine) -> None:
    texts = ["red", "red green", "green sea"]
    for target in ("any", "image"):
        answers = engine.search(texts, target=target, k=9)
        assert answers == [engine.search(text, target=target, k=9) for text in texts]


# --- stores that change, and that were damaged ---


@pytest.mark.parametrize("wanted", [LOOK, Ranking()])
def test_what_is_deleted_during_a_search_is_in_its_answer_and_in_no_later_one(
    engine: Engine, folder: Path, wanted: Ranking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first stage and the second another process deletes the best picture.

    An answer is of the one state of the catalog in which its search began.
    """
    contents = items.contents

    def late(catalog: Catalog, *arguments: Any) -> Any:
        if (best := next(iter(gone), None)) is not None:
            gone.clear()
            other = Catalog(folder / ".cmsearch" / "catalog.db")
            remove(other, best, snapshot=1)
            other.close()
        return contents(catalog, *arguments)

    before = engine.search("red", target="image", k=40, ranking=wanted)
    gone = [before[0].source]
    monkeypatch.setattr(items, "contents", late)
    during = engine.search("red", target="image", k=40, ranking=wanted)
    assert not gone
    assert during == before
    after = engine.search("red", target="image", k=40, ranking=wanted)
    assert sorted(names(after)) == sorted(names(before[1:]))


@pytest.mark.parametrize("tokens", ["x'00'", "'tokens'", "zeroblob(35)", "7"])
def test_tokens_that_no_cmsearch_wrote_are_an_error(
    engine: Engine, folder: Path, tokens: str
) -> None:
    with sqlite3.connect(folder / ".cmsearch" / "catalog.db") as database:
        database.execute(f"UPDATE embeddings SET tokens = {tokens} WHERE modality = 'image'")
    database.close()
    with pytest.raises(StoreError, match="catalog"):
        engine.search("red", target="image", ranking=LOOK)


def test_tokens_that_are_no_numbers_are_an_error(engine: Engine, folder: Path) -> None:
    """A scale that is a NaN."""
    head = np.array([np.nan, 1], "<f2").tobytes()
    with sqlite3.connect(folder / ".cmsearch" / "catalog.db") as database:
        found = database.execute(
            "UPDATE embeddings SET tokens = ? WHERE modality = 'image'", [head + b"\1" * 8]
        )
        assert found.rowcount == len(PICTURES)
    database.close()
    with pytest.raises(StoreError, match="catalog"):
        engine.search("red", target="image", ranking=LOOK)
