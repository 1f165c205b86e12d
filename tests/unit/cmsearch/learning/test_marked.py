"""Marks as queries to measure with and as pairs to learn from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import Engine, Modality, Query, QueryError, QueryPart, Ranking
from cmsearch.learning import marked
from cmsearch.learning.fit_adapter import Fit, Wish, fit
from cmsearch.learning.marked import evaluate_marks, marked_pairs
from cmsearch.learning.metrics import bpref, ndcg
from cmsearch.models.plugins import encoders
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from tests.builders import write_files
from tests.commands import called

WORDS = {"tomato": (1, 0.1, 0), "grass": (0, 1, 0.1), "sky": (0.1, 0, 1), "sand": (1, 1, 0.1)}
"""Words of which the encoder knows nothing, and the colours that they are marked right for."""
PICTURES = 48


def name_of(number: int) -> str:
    return list(WORDS)[number % 4]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in four colours, each marked right for a query of its own; none has a caption."""
    folder = tmp_path_factory.mktemp("marked") / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        colour = np.array(WORDS[name_of(number)]) * 200 + random.uniform(0, 50, (6, 6, 3))
        Image.fromarray(colour.astype(np.uint8)).save(folder / f"{number:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours", asr="none", ocr="none").run()
        with cmsearch.open(folder) as engine:
            for number, item in enumerate(by_name(engine).values()):
                query = f"{name_of(number)} {name_of(number)} number {number}"
                engine.mark(query, item, right=True, target="image")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def by_name(engine: Engine) -> dict[str, int]:
    """By the names of the pictures, in order, their numbers as items."""
    hits = engine.search("red", target="image", k=1000, ranking=Ranking(fold=False))
    return {hit.path.name: hit.item for hit in sorted(hits, key=lambda hit: hit.path)}


def fitted(folder: Path, wish: Wish) -> Fit:
    with Store(folder / DIRECTORY) as store:
        return fit(store, wish, tell=lambda event: None)


def test_bpref_asks_what_comes_before_what() -> None:
    def judged(text: str, count: int) -> float:
        signs = np.array(list(text))
        return bpref(signs == "r", signs == "w", count)

    assert judged("r-w-r", 2) == ((1 - 0 / 1) + (1 - 1 / 1)) / 2
    assert judged("wrwrr", 3) == ((1 - 1 / 2) + (1 - 2 / 2) + (1 - 2 / 2)) / 3
    assert judged("rr", 4) == (1 + 1) / 4  # the others weren't found
    assert judged("--", 1) == judged("", 1) == 0
    assert judged("wwwr", 1) == 0


def test_ndcg_knows_of_what_was_not_found() -> None:
    found = np.array([False, True])
    gain = 1 / np.log2(3)
    assert ndcg(found, 10) == pytest.approx(gain)
    assert ndcg(found, 10, 2) == pytest.approx(gain / (1 + gain))


def test_figures_are_of_what_was_marked(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        numbers = by_name(engine)
        for word, others in (("red", "02 06"), ("green", "01 05"), ("blue", "03")):
            for name in others.split():
                engine.mark(word, numbers[f"{name}.png"], right=True, target="image")
            hits = engine.search(word, target="image", k=9, ranking=Ranking(fold=False))
            wrong = next(hit for hit in hits if hit.path.stem not in others)
            engine.mark(word, wrong, right=False, target="image")
        engine.mark("sea", numbers["00.png"], right=False, target="image")
        (figures,) = evaluate_marks(engine)
        asked = {one.query: one for one in engine.marks(target="image")}
        values: dict[str, list[float]] = {name: [] for name in ("recall@5", "precision@5", "mrr")}
        for query in (one for one in asked if one != "sea"):
            right = {one.items[0] for one in engine.marks(query, target="image") if one.right}
            hits = engine.search(query, target="image", k=1000, ranking=Ranking(fold=False))
            ranks = [hit.rank for hit in hits if hit.item in right]
            values["recall@5"].append(sum(rank <= 5 for rank in ranks) / len(right))
            values["precision@5"].append(sum(rank <= 5 for rank in ranks) / 5)
            values["mrr"].append(1 / min(ranks))
    assert (figures.name, figures.queries) == ("marks", PICTURES + 3)
    assert (figures.right, figures.wrong) == (PICTURES + 5, 3)
    for name, own in values.items():
        assert figures.measures[name].value == pytest.approx(np.mean(own)), name
    assert 0 <= figures.measures["bpref"].value <= 1
    assert set(figures.measures) == {
        *(f"{name}@{k}" for name in ("recall", "precision") for k in (1, 5, 10)),
        "mrr", "ndcg@10", "bpref",
    }  # fmt: skip


def test_targets_are_told_apart_where_there_are_several(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked, "LEAST", 2)
    with cmsearch.open(folder) as engine:
        item = by_name(engine)["00.png"]
        for query in ("a", "b"):
            engine.mark(query, item, right=True, target="any")
        engine.mark("c", item, right=True, target="video")
        assert [(one.name, one.queries) for one in evaluate_marks(engine)] == [
            ("marks", PICTURES + 3), ("marks→image", PICTURES), ("marks→any", 2),
        ]  # fmt: skip


def test_few_marks_are_an_error(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        for one in engine.marks()[9:]:
            engine.mark(one.query, one.items[0], right=None, target="image")
        with pytest.raises(QueryError, match=r"9 queries .* at least 10 are needed"):
            evaluate_marks(engine)
    with pytest.raises(QueryError, match="mark hits as right"):
        fitted(folder, Wish())


def test_a_picture_that_is_gone_is_not_asked_with(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        item = by_name(engine)["00.png"]
        for path in (folder / "05.png", folder / "06.png"):
            engine.mark(Query((QueryPart(path, Modality.IMAGE),)), item, right=True, target="image")
        assert evaluate_marks(engine)[0].queries == PICTURES + 2
        (folder / "05.png").unlink()  # it is in the index still, and can't be read
        assert evaluate_marks(engine)[0].queries == PICTURES + 1


def test_marked_texts_are_learned_from(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        before = evaluate_marks(engine)[0].measures["mrr"]
        engine.mark("grass", by_name(engine)["00.png"], right=False, target="image")
        picture = QueryPart(folder / "00.png", Modality.IMAGE)
        engine.mark(Query((picture,)), by_name(engine)["04.png"], right=True)
    done = fitted(folder, Wish())
    assert done.is_better and done.kept
    assert (done.pictures, done.captions, done.marked, done.wrong) == (PICTURES, PICTURES, 48, 1)
    with cmsearch.open(folder) as engine:
        assert evaluate_marks(engine)[0].measures["mrr"].low > before.high
    shown = called("eval", "--marks", cwd=folder).stdout
    assert "learned from these very marks" in shown and "48 marked right" in shown


def test_marks_join_captions(folder: Path) -> None:
    texts = {f"{number:02}.txt": f"{name_of(number)} {number}\n" for number in range(0, 48, 2)}
    write_files(folder, texts)
    Indexer(folder, asr="none", ocr="none").run()
    with cmsearch.open(folder) as engine:
        caption = engine.search("tomato 0", target="caption", k=1)[0]
        assert caption.text == "tomato 0"
        engine.mark("a ripe one", caption, right=True, target="caption")
        engine.mark("grass number", by_name(engine)["07.png"], right=True)
    with Store(folder / DIRECTORY) as store:
        pairs, wrong = marked_pairs(store)
        assert pairs[-2:] == [("00.png", "a ripe one"), ("07.png", "grass number")] and not wrong
    done = fitted(folder, Wish(dry_run=True))
    assert (done.pictures, done.captions, done.marked) == (48, 48 + 24 + 2, 50)


def test_the_command_measures_by_marks(folder: Path) -> None:
    done = called("eval", "--marks", "--format", "json", cwd=folder)
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["direction"], row["queries"], row["right"], row["wrong"]) == ("marks", 48, 48, 0)
    assert set(row["recall@5"]) == {"value", "low", "high"}
    for options in (["--ablate"], ["--captions", "keep-one"], ["--model", "fake:colours"]):
        refused = called("eval", "--marks", *options, cwd=folder)
        assert refused.returncode == 2 and "--marks" in refused.stderr, refused.stderr
    assert "48 of these pairs are marks" in called("fit", "--dry-run", cwd=folder).stdout
