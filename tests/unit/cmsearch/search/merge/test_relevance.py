"""A search knows how well chance would do, and says when it found no better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Ranking
from cmsearch.search.merge.relevance import DOUBTFUL, relevance
from cmsearch.search.query import background_captions
from cmsearch.search.query.compose import QueryVector
from cmsearch.store.catalog.blobs import pack, unpack
from cmsearch.store.store import Store
from cmsearch.types import EncodedQuery, Modality
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.fakes import DIM, FakeEncoder

QUERIES = Path(__file__).parents[4] / "data" / "queries"
SCALE = {"bank": {"image": (0.25, 0.1), "text": (0.5, 0.1)}, "image": {"image": (0.8, 0.05)}}


def asking(*modalities: Modality, weights: tuple[float, ...] = ()) -> QueryVector:
    """A query with a part of each modality."""
    vector = np.eye(DIM, dtype=np.float32)[0]
    parts = tuple(EncodedQuery(modality, "", vector) for modality in modalities)
    weights = weights or (1.0,) * len(parts)
    total = sum(weights)
    return QueryVector(vector, parts, weights, tuple(weight / total for weight in weights))


@pytest.mark.parametrize(
    ("query", "target", "cosine", "expected"),
    [
        (Modality.TEXT, Modality.IMAGE, 0.25, 0.5),
        (Modality.TEXT, Modality.IMAGE, 0.35, 0.8413),  # one deviation above: Φ(1)
        (Modality.TEXT, Modality.TEXT, 0.3, 0.0228),  # two below: Φ(-2)
        (Modality.IMAGE, Modality.IMAGE, 0.8, 0.5),
        (Modality.IMAGE, Modality.TEXT, 0.9, None),  # nothing to judge by
    ],
)
def test_relevance_is_the_share_of_ordinary_queries_that_score_less(
    query: Modality, target: Modality, cosine: float, expected: float | None
) -> None:
    assert relevance(SCALE, asking(query), target, [cosine], {}) == expected


def test_a_picture_is_as_relevant_as_its_caption_or_its_words() -> None:
    found = relevance(
        SCALE, asking(Modality.TEXT), Modality.IMAGE, [0.0], {"caption": 0.6, "words": 0.9}
    )
    assert found == 0.9
    assert (
        relevance(SCALE, asking(Modality.TEXT), Modality.IMAGE, [0.0], {"caption": 0.6}) == 0.8413
    )


def test_the_bank_is_of_different_captions_of_an_ordinary_length() -> None:
    captions = background_captions.captions()
    assert len(set(captions)) == background_captions.SIZE
    assert all(4 <= len(caption.split()) <= 14 for caption in captions)


def test_a_bank_comes_back_as_it_was_kept_and_nothing_else_does() -> None:
    vectors = background_captions.encoded(FakeEncoder())
    assert vectors.shape == (background_captions.SIZE, DIM)
    np.testing.assert_allclose(unpack(pack(vectors), DIM), vectors, atol=1e-3)
    for text in ("", "?", "AAAA", pack(vectors)[:-8], pack(vectors * np.nan)):
        assert len(unpack(text, DIM)) < background_captions.SIZE


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> cmsearch.Engine:
    for colour in ("red", "green"):
        write_picture(tmp_path / f"{colour}.png", colour)
    for number in range(5):
        write_picture(tmp_path / f"x{number}.png", (10, 10 + number, 10))
    write_files(tmp_path, {"captions.csv": "image,caption\nred.png,a shiny apple\n"})
    Indexer(tmp_path, model=fake_model).run()
    return cmsearch.open(tmp_path)


def test_hits_say_how_relevant_they_are_and_can_be_cut(engine: cmsearch.Engine) -> None:
    with engine:
        hits = engine.search("red red red", target="image")
        assert hits[0].path.stem == "red"
        assert all(hit.relevance is not None and 0 <= hit.relevance <= 1 for hit in hits)
        cut = engine.search("red red red", target="image", ranking=Ranking(min_relevance=0.9))
        assert [hit.path for hit in cut] == [
            hit.path for hit in hits if hit.relevance is not None and hit.relevance >= 0.9
        ]
        assert [hit.rank for hit in cut] == list(range(1, len(cut) + 1))
        assert 0 < len(cut) < len(hits)


def test_the_bank_is_kept_with_the_store(engine: cmsearch.Engine) -> None:
    with Store(engine.store.path) as store:
        number = store.view().space_id
        assert len(store.catalog.bank(number, DIM)) == background_captions.SIZE
        assert {"image", "text"} == set(store.view().background["bank"])
    engine.close()


def area_under_roc(right: list[float], wrong: list[float]) -> float:
    pairs = [(one > other) + (one == other) / 2 for one in right for other in wrong]
    return sum(pairs) / len(pairs)


def test_lite_tells_queries_with_an_answer_from_absurd_ones(coco159: Path, tmp_path: Path) -> None:
    """By the pictures alone, without what anybody wrote about them."""
    Indexer(coco159, store=tmp_path / "store", model="lite").run()
    lines = (QUERIES / "answerable.jsonl").read_text().splitlines()
    answerable = [json.loads(line)["query"] for line in lines]
    absurd = (QUERIES / "absurd.txt").read_text().splitlines()
    with cmsearch.open(tmp_path / "store") as engine:
        best = [
            [
                max(hit.relevance or 0.0 for hit in hits)
                for hits in engine.search(queries, target="image", ranking=Ranking(match="picture"))
            ]
            for queries in (answerable, absurd)
        ]
    assert area_under_roc(*best) >= 0.88
    assert sum(one < DOUBTFUL for one in best[0]) <= 0.06 * len(answerable)
    assert sum(one < DOUBTFUL for one in best[1]) >= 0.6 * len(absurd)


def test_words_of_a_part_say_nothing_of_a_picture_that_is_asked_for_as_well() -> None:
    both = asking(Modality.IMAGE, Modality.TEXT)
    plain = relevance(SCALE, both, Modality.IMAGE, [0.5, 0.1], {})
    assert relevance(SCALE, both, Modality.IMAGE, [0.5, 0.1], {"words": 1.0}) == plain
    assert relevance(SCALE, asking(Modality.TEXT), Modality.IMAGE, [0.1], {"words": 1.0}) == 1.0
