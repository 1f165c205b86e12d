"""A reranker learns from marks: what is right for a text, and what is known to be wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Modality, Ranking
from cmsearch.learning.examples import More, examples, source
from cmsearch.learning.fit_adapter import Wish
from cmsearch.learning.training import reranker
from cmsearch.learning.training.reranker import Lists, Material, Tensors
from cmsearch.models.rerankers import learned
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import FloatArray
from indexer import Indexer
from indexer.commands.fit import print_fit
from tests.spots import COLUMNS, ROWS, write_spots
from tests.unit.cmsearch.learning.test_fit_reranker import HARDLY, QUICK, fitted, ran, right


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """Pictures whose captions say where the red one of their cells is."""
    folder = write_spots(tmp_path / "photos")
    Indexer(folder, model=fake_model, asr="none", ocr="none").run()
    return folder


def text_of(number: int) -> str:
    """What is asked for a picture: where the red cell is, and a mark that no other text has."""
    row, column = divmod(number % 6, 2)
    return f"red {ROWS[row]} {COLUMNS[column]}{'?' * (number + 1)}"


def numbers(engine: cmsearch.Engine) -> list[int]:
    """The pictures' numbers as items, in the order of their names."""
    hits = engine.search("red", target="image", k=1000, ranking=Ranking(fold=False))
    return [hit.item for hit in sorted(hits, key=lambda hit: hit.path)]


@pytest.fixture
def marked(folder: Path) -> Path:
    """The same without captions: each picture is marked right for a text of its own, and some are
    marked wrong for that of another, or for a text of none.
    """
    for path in folder.glob("*.txt"):
        path.unlink()
    Indexer(folder, asr="none", ocr="none").run()
    with cmsearch.open(folder) as engine:
        items = numbers(engine)
        for number, item in enumerate(items):
            engine.mark(text_of(number), item, right=True, target="image")
        for number in range(12):  # the red one is elsewhere there
            engine.mark(text_of(number), items[number + 1], right=False, target="image")
        engine.mark("an unknown place", items[0], right=False, target="image")
    return folder


def test_marks_are_learned_from(
    marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.safetensors"
    done = fitted(marked, Wish(force=True, export=path), HARDLY)
    assert done.kept and ran(marked)
    assert (done.pictures, done.captions) == (60, 60)
    assert (done.marked, done.wrong, done.passed_over) == (60, 12, 1)
    assert "marked right for among them" in learned.read(path).card["data"]
    print_fit(done)
    shown = capsys.readouterr().out
    assert "60 of these pairs are marks of what is right" in shown
    assert "12 marks of what is wrong are learned from; 1 of texts without" in shown


@pytest.mark.long
def test_marks_alone_teach_a_reranker(marked: Path) -> None:
    done = fitted(marked)
    assert done.is_better and done.kept
    with cmsearch.open(marked) as engine:
        assert right(engine.search("red above last", target="image")) >= 4


def test_what_is_marked_wrong_is_no_pair_whatever_a_caption_says(folder: Path) -> None:
    def encoded(texts: object) -> FloatArray:
        raise AssertionError("there is nothing to encode")

    caption = (folder / "007.txt").read_text().strip()
    other = (folder / "008.txt").read_text().strip()
    wrong = [("007.png", caption), ("007.png", other), ("008.png", "never said")]
    with Store(folder / DIRECTORY) as store:
        own = source(store)
        whole, found = examples(own), examples(own, More(encoded, wrong=wrong))
    assert len(whole.pairs.links) == 60 and len(found.pairs.links) == 59
    assert len(whole.wrong) == len(found.wrong) == 0  # neither the picture nor the text is left
    more = More(lambda texts: np.eye(whole.pairs.dim, dtype=np.float32)[: len(texts)])
    marked = replace(more, marked=[("007.png", "mine")], wrong=wrong[1:])
    with Store(folder / DIRECTORY) as store:
        found = examples(source(store), marked)
    assert found.wrong.tolist() == [[7, 8]]


def test_what_is_known_to_be_wrong_is_learned_from_each_time() -> None:
    """Of forty candidates four are taken in each step: two are right, and one is known."""
    shape = 12, 40
    ones = np.ones((12, 2), np.float32)
    cells = np.ones((12, 2, 8), np.float32)
    right, wrong = np.zeros(shape, bool), np.zeros(shape, bool)
    right[:, [3, 7]] = wrong[:, 20] = True
    lists = Lists(
        Modality.TEXT, np.arange(12), np.tile(np.arange(12), (12, 4))[:, :40],
        np.zeros(shape, np.float32), right, np.ones(12), wrong,
    )  # fmt: skip
    material = Tensors(Material(cells, ones, cells, ones))
    training = reranker._Training(
        material, {Modality.TEXT: lists}, {}, replace(QUICK, candidates=4)
    )
    taken: set[int] = set()
    for _ in range(20):
        columns, is_other = training._some(right, wrong)
        assert columns.shape == is_other.shape == (12, 4)
        assert right[np.arange(12), columns[:, 0]].all()
        assert (columns == 20).any(1).all()
        assert not is_other.any()  # the other right one is the last to be taken
        taken |= set(columns.ravel().tolist())
    assert taken == set(range(40))
