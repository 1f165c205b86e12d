"""A graph is kept as plain numbers, none of which is believed before it is used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.store.index import hnsw
from cmsearch.types import FloatArray
from tests.oracle import unit_vectors

DIM = 16
COUNT = 3000


@pytest.fixture(scope="module")
def rows() -> FloatArray:
    return unit_vectors(np.random.default_rng(3), COUNT, DIM).astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def links(rows: FloatArray) -> np.ndarray:
    return hnsw.links(hnsw.graph(rows))


def codes(rows: FloatArray) -> np.ndarray:
    return rows.astype("<f2").view(np.uint8).ravel()


def test_a_graph_that_was_kept_answers_as_before(rows: FloatArray, links: np.ndarray) -> None:
    before, after = hnsw.graph(rows), hnsw.from_links(links, codes(rows), DIM)
    queries = unit_vectors(np.random.default_rng(4), 50, DIM)
    for ours, theirs in zip(after.search(queries, 10), before.search(queries, 10), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert after.hnsw.efSearch == before.hnsw.efSearch


def change(at: int, value: int) -> Callable[[np.ndarray], None]:
    def apply(links: np.ndarray) -> None:
        links[at] = value

    return apply


def lead_below(links: np.ndarray) -> None:
    """Let a row of level 1 link to one that is only on level 0."""
    levels = links[2 : 2 + COUNT]
    high = int(np.flatnonzero(levels > 1)[0])
    start = 2 + COUNT + int(np.where(levels[:high] > 1, 64 + 32 * (levels[:high] - 1), 64).sum())
    links[start + 64] = int(np.flatnonzero(levels == 1)[0])


@pytest.mark.parametrize(
    "damage",
    [
        change(0, -1),
        change(0, COUNT),
        change(2, 0),
        change(2, 10_000),
        change(2, 2),
        change(2 + COUNT, COUNT),
        change(2 + COUNT, -2),
        change(-1, COUNT),
        lead_below,
    ],
)
def test_a_link_that_leads_out_is_refused(
    rows: FloatArray, links: np.ndarray, damage: Callable[[np.ndarray], None]
) -> None:
    copy = links.copy()
    damage(copy)
    with pytest.raises(ValueError):
        hnsw.from_links(copy, codes(rows), DIM)


@pytest.mark.parametrize("length", [0, 1, 2, COUNT, COUNT + 2, COUNT + 1000])
def test_too_few_links_are_refused(rows: FloatArray, links: np.ndarray, length: int) -> None:
    with pytest.raises(ValueError):
        hnsw.from_links(links[:length], codes(rows), DIM)


@settings(max_examples=100)
@given(st.data())
def test_whatever_is_accepted_can_be_searched(
    rows: FloatArray, links: np.ndarray, data: st.DataObject
) -> None:
    """A crafted file may give poor answers, but only rows that are there."""
    copy = links.copy()
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(copy) - 1))
        copy[at] = data.draw(st.integers(-2, COUNT + 1))
    try:
        index = hnsw.from_links(copy, codes(rows), DIM)
    except ValueError:
        return
    found = index.search(rows[:5], 10)[1]
    assert ((found >= -1) & (found < COUNT)).all()
