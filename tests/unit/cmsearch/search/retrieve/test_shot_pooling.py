"""Shots are ranked by all of their pictures, exactly, however deep the search goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmsearch.common import locators
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.retrieve.nearest import NearestRequest, Retriever
from cmsearch.search.retrieve.shot_pooling import TEMPERATURE, pooled
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Encoding, FloatArray, Modality, Part
from tests.builders import put, remove, serve
from tests.oracle import unit_vectors

DIM, SHOTS = 8, 300


def shot(number: int, vectors: FloatArray) -> NewItem:
    place = locators.times(number, number + 1)
    part = Part(Modality.VIDEO, "shot", None, locator=place)
    return NewItem(part, None, f"shot {number}", Encoding(vectors))


@pytest.fixture
def films(tmp_path: Path) -> Iterator[tuple[Store, list[FloatArray]]]:
    """A store with shots of one to five pictures, some of which are the same."""
    random = np.random.default_rng(0)
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        number = serve(store.catalog, DIM)
        rows = [unit_vectors(random, 1 + place % 5, DIM) for place in range(SHOTS)]
        rows[7], rows[8] = rows[6], np.repeat(rows[6][:1], 3, 0)
        for film in range(0, SHOTS, 50):
            items = [shot(place, rows[place]) for place in range(film, film + 50)]
            put(store.catalog, number, f"film{film:03}.mp4", *items, kind="video")
        yield store, rows


def found(store: Store, query: FloatArray, k: int) -> list[tuple[str, float]]:
    asked = QueryVector(query, (), (1.0,), (1.0,))
    wanted = NearestRequest(Modality.VIDEO, k)
    (answers,) = Retriever(store).search(store.view(), [asked], wanted)
    return [(one.item.locator, one.score) for one in answers]


def truth(rows: list[FloatArray], query: FloatArray) -> list[tuple[str, float]]:
    """Every shot's score from all of its pictures, written out."""
    scored = []
    for number, vectors in enumerate(rows):
        cosines = vectors.astype(np.float64) @ query
        weights = np.exp(cosines / TEMPERATURE) / np.exp(cosines / TEMPERATURE).sum()
        scored.append((locators.times(number, number + 1), float((weights * cosines).sum())))
    return sorted(scored, key=lambda one: -one[1])


@pytest.mark.parametrize("k", [1, 3, 20, SHOTS])
def test_the_best_shots_are_found_exactly(films: tuple[Store, list[FloatArray]], k: int) -> None:
    store, rows = films
    for query in unit_vectors(np.random.default_rng(1), 8, DIM):
        answers, expected = found(store, query, k), truth(rows, query)[:k]
        assert len(answers) == k
        assert np.allclose([one[1] for one in answers], [one[1] for one in expected], atol=2e-6)
        ranks = dict(truth(rows, query))
        assert np.allclose(
            [ranks[place] for place, _ in answers], [s for _, s in answers], atol=2e-6
        )


def test_more_answers_begin_with_fewer(films: tuple[Store, list[FloatArray]]) -> None:
    store, _ = films
    (query,) = unit_vectors(np.random.default_rng(2), 1, DIM)
    whole = found(store, query, SHOTS)
    for k in (1, 7, 50, 299):
        assert found(store, query, k) == whole[:k]


def test_what_is_newer_than_the_files_counts_too(films: tuple[Store, list[FloatArray]]) -> None:
    store, rows = films
    store.publish()
    remove(store.catalog, "film000.mp4")
    (query,) = unit_vectors(np.random.default_rng(3), 1, DIM)
    expected = [row for row in truth(rows, query) if float(row[0].split("-")[0]) >= 50]
    answers = found(store, query, 20)
    assert [place for place, _ in answers] == [place for place, _ in expected[:20]]


def test_one_good_picture_is_enough_but_several_are_better() -> None:
    query = np.eye(DIM, dtype=np.float32)[0]
    good = np.array([0.9, 0.1], np.float32)[:, None] * query
    assert 0.89 < pooled(query, good) <= 0.9
    near = np.array([0.9, 0.89], np.float32)[:, None] * query
    assert pooled(query, good) > pooled(query, near) > 0.89


@pytest.mark.parametrize("temperature", [1e-3, 0.02, 10.0])
def test_it_lies_between_the_mean_and_the_best(temperature: float) -> None:
    random = np.random.default_rng(4)
    for _ in range(50):
        pictures = unit_vectors(random, 5, DIM)
        query = unit_vectors(random, 1, DIM)[0]
        cosines = pictures @ query
        score = pooled(query, pictures, temperature)
        assert cosines.mean() - 1e-6 <= score <= cosines.max() + 1e-6


def test_one_picture_is_itself() -> None:
    pictures = unit_vectors(np.random.default_rng(5), 1, DIM)
    assert pooled(pictures[0], pictures) == pytest.approx(1, abs=1e-3)
