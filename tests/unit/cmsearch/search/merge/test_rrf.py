"""Reciprocal rank fusion against the formula of its paper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.search.merge.rrf import rrf

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=12), max_size=5)


def oracle(rankings: list[list[int]], document: int, k: float) -> float:
    """RRFscore(d) = Σ 1 / (k + r(d)) over the rankings r (Cormack et al. 2009)."""
    return sum(1 / (k + ranking.index(document) + 1) for ranking in rankings if document in ranking)


@given(rankings, st.floats(0, 100))
def test_scores_are_those_of_the_paper(rankings: list[list[int]], k: float) -> None:
    found = rrf(rankings, k=k)
    assert {one for one, _ in found} == {one for ranking in rankings for one in ranking}
    for one, score in found:
        assert score == pytest.approx(oracle(rankings, one, k))
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


def test_two_middling_ranks_beat_one_good_one() -> None:
    assert rrf([["a", "b"], ["c", "b"]]) == [("b", 2 / 62), ("a", 1 / 61), ("c", 1 / 61)]


def test_a_weight_multiplies_what_a_ranking_gives() -> None:
    assert rrf([["a"], ["b"]], [1, 2.5]) == [("b", 2.5 / 61), ("a", 1 / 61)]
    assert rrf([["a"], ["b"]], [1, 0]) == [("a", 1 / 61), ("b", 0)]


def test_an_id_that_is_twice_in_a_ranking_counts_once() -> None:
    assert rrf([["a", "a", "b"]]) == [("a", 1 / 61), ("b", 1 / 62)]


def test_nothing_fuses_to_nothing() -> None:
    assert rrf([]) == rrf([[], []]) == []


def test_each_ranking_needs_its_weight() -> None:
    for weights in ([1], []):
        with pytest.raises(ValueError, match="shorter"):
            rrf([["a"], ["b"]], weights)
